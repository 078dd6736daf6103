"""Every kind of store of items and users, by its address."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from service.catalog.opening import open_entities
from service.catalog.store import EntityStore

KINDS = ["sqlite", "redis"]


@pytest.fixture
def address(request, tmp_path: Path) -> Callable[[str], str]:
    """The address of an empty store of some kind."""

    def of(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:{tmp_path / 'catalog.sqlite'}"
        url: str = request.getfixturevalue("redis_url")
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    return of


@pytest.fixture(params=KINDS)
def place(request, address) -> str:
    """The address of an empty store, of each kind in turn."""
    found: str = address(request.param)
    return found


@pytest.fixture
def store(place) -> Iterator[EntityStore]:
    opened = open_entities(place)
    yield opened
    opened.close()
