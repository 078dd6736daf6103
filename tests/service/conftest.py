"""A small real model, published, and a real service process that answers for it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.fitted import FittedScale, FittedSpec, FittedTimeZone, FittedVocabulary, NothingFitted
from features.spec import Age, Categorical, FeatureSpec, Hashed, MultiValued, Numeric, TimePart
from registry.local import LocalRegistry
from registry.manifest import EXTRA, FEATURE_SPEC, BundleFacts, write_manifest
from registry.version import Version

REPOSITORY = Path(__file__).parents[2]
NOON_MS = 1_767_268_800_000  # 2026-01-01 12:00 UTC

FITTED = FittedSpec(
    spec=FeatureSpec(
        user=(Categorical(name="city"), Numeric(name="age", scale="log")),
        item=(
            Hashed(name="ad_id", buckets=8),
            MultiValued(name="tags", max_length=3),
            Age(name="published", at="shown_at"),
        ),
        context=(TimePart(name="hour", column="shown_at", part="hour", time_zone="Europe/Berlin"),),
    ),
    fitted={
        "city": FittedVocabulary(tokens=("berlin", "paris", "rome", "oslo")),
        "age": FittedScale(mean=3.5, std=0.5, low=0.0, high=4.5),
        "ad_id": NothingFitted(),
        "tags": FittedVocabulary(tokens=("red", "blue")),
        "published": FittedScale(mean=2.0, std=1.0, low=0.0, high=5.0),
        "hour": FittedTimeZone.of("Europe/Berlin"),
    },
)

ROW = {
    "user": {"city": "berlin", "age": 30},
    "item": {"ad_id": "ad_1", "tags": ["red", "blue"], "published": NOON_MS},
    "context": {"shown_at": NOON_MS},
}
ROW_PROBABILITY = 0.7858349830425586
"""By hand, from the formula of `save_model`: the sigmoid of -1 + 0.01 * 30 + 0.5 + 1 + 0.25 * 2 = 1.3."""


def save_model(directory: Path, *, bias: float = -1.0) -> None:
    """A SavedModel whose logit can be computed by hand.

    logit = bias + 0.01 age + 0.5 [city = berlin] + 1 [ad_id = ad_1] + 0.25 (tags given, at most 3)
            + 0.125 [shown_at missing] + 0.0625 [published missing]
    """
    import tensorflow as tf

    model = tf.Module()
    model.bias = tf.Variable(bias)

    def given(condition):
        return tf.cast(condition, tf.float32)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="city"),
            tf.TensorSpec([None], tf.float32, name="age"),
            tf.TensorSpec([None], tf.string, name="ad_id"),
            tf.TensorSpec([None, None], tf.string, name="tags"),
            tf.TensorSpec([None], tf.int64, name="published"),
            tf.TensorSpec([None], tf.int64, name="shown_at"),
        ]
    )
    def serve(city, age, ad_id, tags, published, shown_at):
        missing = tf.int64.min
        logit = (
            model.bias
            + 0.01 * tf.where(tf.math.is_nan(age), 0.0, age)
            + 0.5 * given(city == "berlin")
            + given(ad_id == "ad_1")
            + 0.25 * tf.reduce_sum(given(tags[:, :3] != ""), axis=1)
            + 0.125 * given(shown_at == missing)
            + 0.0625 * given(published == missing)
        )
        return {"logit": logit, "probability": tf.sigmoid(logit)}

    model.serve = serve
    tf.saved_model.save(model, str(directory), signatures={"serving_default": serve})


def make_facts(name: str = "shop") -> BundleFacts:
    return BundleFacts(
        name=name,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        code_version="0.1.0",
        tensorflow_version="2.21.0",
        spec_fingerprint=FITTED.spec.fingerprint(),
        fitted_fingerprint=FITTED.fingerprint(),
        family="by-hand",
    )


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory) -> Path:
    directory: Path = tmp_path_factory.mktemp("model") / "saved"
    save_model(directory)
    return directory


MakeBundle = Callable[..., Path]


@pytest.fixture(scope="session")
def make_bundle(model_directory, tmp_path_factory) -> MakeBundle:
    """Copies the model, adds what travels with it, and seals it."""

    def make(extra: dict[str, str] | None = None, *, name: str = "shop") -> Path:
        import shutil

        bundle: Path = tmp_path_factory.mktemp("run") / "bundle"
        shutil.copytree(model_directory, bundle)
        (bundle / EXTRA).mkdir(exist_ok=True)
        for path, text in {FEATURE_SPEC: FITTED.model_dump_json(), **(extra or {})}.items():
            (bundle / path).write_text(text)
        write_manifest(bundle, make_facts(name))
        return bundle

    return make


@pytest.fixture(scope="session")
def published(make_bundle, tmp_path_factory) -> Version:
    """Version 1 of ``shop``, in a registry of its own."""
    return LocalRegistry(tmp_path_factory.mktemp("registry")).publish(make_bundle(), "shop")


class RunningService:
    """A service in a process of its own, and a client for it."""

    def __init__(
        self, settings: dict[str, object], log: Path, environment: dict[str, str] | None = None
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.log = log
        # Not merged with this process's environment: only what is given counts.
        given = {f"AXON_{name.upper()}": str(value) for name, value in settings.items()}
        environment = {**(environment or {}), **given}
        environment |= {"AXON_PORT": str(self.port), "PATH": os.environ["PATH"], "PYTHONFAULTHANDLER": "1"}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "2", "ORT_DISABLE_TELEMETRY": "1"}
        source = "from service.run import serve; from service.settings import ServiceSettings; serve(ServiceSettings())"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", source],
                cwd=REPOSITORY,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def wait_for(
        self, path: str, accept: Callable[[httpx.Response], bool], *, within_s: float = 90
    ) -> httpx.Response:
        """The first answer that is accepted."""
        deadline = time.monotonic() + within_s
        answer: httpx.Response | None = None
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = self.client.get(path)
                if accept(answer):
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        text = answer.text if answer is not None else "nothing"
        raise AssertionError(
            f"{path} never became what was expected; last: {text}; exit code: {self.process.poll()}\n{self.log.read_text()}"
        )

    def wait_until_ready(self) -> None:
        self.wait_for("/readyz", lambda answer: answer.status_code == 200)

    def wait_for_version(self, number: int) -> None:
        self.wait_for("/healthz?verbose", lambda answer: f"model shop/{number} is loaded" in answer.text)

    def wait_for_queued(self, size: int) -> None:
        """Until exactly so many bytes of bodies wait, or are still coming."""
        self.wait_for("/metrics", lambda answer: f"\naxon_queue_bytes {float(size)}\n" in answer.text)

    def value(self, series: str) -> float:
        """What ``/metrics`` says of the series; 0 when it is not there yet."""
        text = self.client.get("/metrics").text
        match = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    def score(self, *rows: object) -> httpx.Response:
        return self.client.post("/api/v1/score", json={"rows": list(rows)})

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()


Start = Callable[..., AbstractContextManager[RunningService]]


@pytest.fixture(scope="session")
def start(tmp_path_factory, published) -> Start:
    """Starts a service with the given settings, of the published model unless they name another, and sees to its end."""
    usual = {"drain_s": 0, "registry": published.directory.parents[1]}

    @contextmanager
    def started(*, environment: dict[str, str] | None = None, **settings: object) -> Iterator[RunningService]:
        log = tmp_path_factory.mktemp("log") / "service.log"
        service = RunningService(usual | settings, log, environment)
        try:
            service.wait_for("/livez", lambda answer: answer.status_code == 200)
            yield service
        finally:
            service.stop()

    return started


@pytest.fixture(scope="session")
def ready(start) -> Start:
    """Like ``start``, and waits until the model is loaded."""

    @contextmanager
    def started(**settings: Any) -> Iterator[RunningService]:
        with start(**settings) as service:
            service.wait_until_ready()
            yield service

    return started


@pytest.fixture(scope="session")
def service(ready) -> Iterator[RunningService]:
    """One service for every test that only asks, with limits that are easy to reach."""
    with ready(max_rows=50, max_body_bytes=20_000) as running:
        yield running


@pytest.fixture
def registry(make_bundle, tmp_path):
    """A registry with version 1 as the champion."""
    registry = LocalRegistry(tmp_path / "models")
    registry.publish(make_bundle(), "shop")
    return registry
