"""Stores of every kind, each of its own."""

import uuid

import pytest

from history.stores.opening import open_store
from tests.history.kinds import KINDS


@pytest.fixture
def address(request, tmp_path):
    """The address of an empty store of some kind, and a prefix that nobody else uses."""

    def of(kind: str) -> tuple[str, str]:
        prefix = uuid.uuid4().hex
        match kind:
            case "redis":
                return request.getfixturevalue("redis_url"), prefix
            case "sqlite":
                return f"sqlite:{tmp_path / 'history.sqlite'}", prefix
            case _:
                return "memory:", prefix

    return of


@pytest.fixture(params=KINDS)
def store(request, address):
    opened = open_store(*address(request.param))
    yield opened
    opened.close()
