"""What every test starts from: quiet libraries, signals that arrive, and Hypothesis with a profile that cannot flake."""

import os
import signal
from collections.abc import Iterator

# Read when TensorFlow and ONNX Runtime are first imported, which is after this file.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import pytest
from hypothesis import HealthCheck, settings

from tests.history.servers import running_redis

# A shell that starts the tests in the background lets them ignore ctrl-C, and some of them press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "axon",
    derandomize=True,
    deadline=None,  # the first call of a compiled graph is slow
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("axon")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """The address of a Redis for all tests that leave it running."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url
