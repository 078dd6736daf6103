"""A world of its own for each test, and a Redis for all."""

from collections.abc import Iterator

import pytest

from tests.history.servers import running_redis
from tests.training.remembering.world import World, make_world


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def world(tmp_path) -> World:
    return make_world(tmp_path)
