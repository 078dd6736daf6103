"""Every kind of store, by its address."""

import pytest

from tests.history.servers import running_redis


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """The address of a Redis that the tests of this directory share."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url
