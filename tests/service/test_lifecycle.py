"""From the start of a process to its end: waiting for a version, refusing a broken one, stopping."""

import os
import signal
import subprocess
import sys
import time

import pytest

from registry.local import LocalRegistry
from registry.manifest import MANIFEST
from tests.service.conftest import REPOSITORY, ROW, ROW_PROBABILITY

AT_ONCE_S = 4.0


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> LocalRegistry:
    return LocalRegistry(tmp_path_factory.mktemp("later"))


@pytest.fixture(scope="module")
def story(start, registry, make_bundle):
    """One service that sees an empty registry, then a broken version, then a whole one; what it said each time."""
    said: dict[str, object] = {}
    with start(registry=registry.root, poll_s=0.1) as service:
        said["livez, empty"] = service.client.get("/livez").status_code
        said["readyz, empty"] = service.wait_for("/readyz", lambda answer: "no version" in answer.text)
        said["score, empty"] = service.score(ROW)
        said["openapi, empty"] = service.client.get("/openapi.json").json()
        said["healthz, empty"] = service.client.get("/healthz?verbose").text
        broken = registry.publish(make_bundle(), "shop", alias=None)
        graph = broken.directory / "saved_model.pb"
        graph.write_bytes(graph.read_bytes()[:-1] + b"!")
        registry.set_alias("shop", "champion", 1)
        said["readyz, broken"] = service.wait_for("/readyz", lambda answer: "checksum" in answer.text)
        said["score, broken"] = service.score(ROW)
        registry.publish(make_bundle(), "shop")
        service.wait_until_ready()
        said["score, whole"] = service.score(ROW).json()
        said["log"] = service.log.read_text()
    return said


def test_without_a_version_the_process_lives(story):
    assert story["livez, empty"] == 200


def test_without_a_version_it_is_not_ready(story):
    assert story["readyz, empty"].status_code == 503


def test_without_a_version_it_says_what_it_looked_for(story, registry):
    assert f"looked for {registry.root}/<name>/<number>/{MANIFEST}" in story["readyz, empty"].text


def test_without_a_version_a_request_is_told_to_come_again(story):
    answer = story["score, empty"]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_without_a_version_a_request_gets_a_problem_document(story):
    assert story["score, empty"].json()["type"] == "/problems/not-ready"


def test_without_a_version_the_description_is_of_any_model(story):
    row = story["openapi, empty"]["components"]["schemas"]["ScoreRequest"]["properties"]["rows"]["items"]
    assert "properties" not in row["properties"]["user"]


def test_without_a_version_a_verbose_check_says_so(story):
    assert "[-] no model is loaded" in story["healthz, empty"]


def test_a_version_with_a_wrong_checksum_is_refused_by_name(story):
    assert story["readyz, broken"].text.startswith(
        "not ready: shop/1: saved_model.pb has a wrong checksum: expected sha256"
    )


def test_with_only_a_broken_version_a_request_is_told_to_come_again(story):
    assert story["score, broken"].status_code == 503


def test_a_whole_version_that_comes_later_is_served(story):
    assert story["score, whole"]["version"] == 2


def test_the_version_that_came_later_answers_with_its_probability(story):
    assert story["score, whole"]["probabilities"] == pytest.approx([ROW_PROBABILITY], abs=1e-6)


def test_nothing_of_it_was_unexpected(story):
    assert "Traceback" not in story["log"]


def test_a_service_is_alive_while_it_loads_and_ends_at_once_with_0_when_told_to_stop(start):
    with start() as service:
        service.wait_for("/readyz", lambda answer: "loading" in answer.text)
        asked = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - asked < AT_ONCE_S


@pytest.fixture(scope="module")
def drained(ready):
    """A loaded service that was asked to stop with a second to drain, and what it said in that second."""
    said: dict[str, object] = {}
    with ready(drain_s=1) as service:
        service.process.send_signal(signal.SIGTERM)
        said["readyz"] = service.wait_for("/readyz", lambda answer: answer.status_code == 503).text
        said["score"] = service.score(ROW).status_code
        said["exit code"] = service.process.wait(timeout=20)
        said["log"] = service.log.read_text()
    return said


def test_a_service_told_to_stop_first_says_that_it_is_not_ready(drained):
    assert drained["readyz"] == "not ready: stopping"


def test_a_service_that_drains_still_answers(drained):
    assert drained["score"] == 200


def test_a_service_told_to_stop_ends_with_0(drained):
    assert drained["exit code"] == 0


def test_stopping_leaves_no_trace_in_the_log(drained):
    assert "Traceback" not in drained["log"]


def test_a_registry_with_several_models_asks_which(start, make_bundle, tmp_path):
    registry = LocalRegistry(tmp_path)
    registry.publish(make_bundle(name="shop"), "shop")
    registry.publish(make_bundle(name="news"), "news")
    with start(registry=tmp_path) as service:
        reason = service.wait_for("/readyz", lambda answer: "starting" not in answer.text).text
    assert reason.endswith("has news, shop; say which one, such as axon serve --model news")


def test_a_port_that_is_taken_is_told_in_one_line(service):
    source = (
        "from service.run import serve; from service.settings import ServiceSettings\n"
        f"try: serve(ServiceSettings(port={service.port}))\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith(f"cannot listen on 127.0.0.1:{service.port}: Address already in use")


STOPPED_WHILE_LOADING = """
import asyncio
from service.app import create_app
from service.settings import ServiceSettings

app = create_app(ServiceSettings())

async def stopped_at_once():
    async with app.router.lifespan_context(app):
        while app.state.service.holder.reason == "starting":
            await asyncio.sleep(0.001)

asyncio.run(stopped_at_once())
while app.watcher.is_alive():
    pass
"""


def test_a_load_that_ends_after_the_stop_is_no_error(published, tmp_path):
    """The half second in which a process waits for it is long enough for many, and the event loop has ended then."""
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_LOADING],
        cwd=REPOSITORY,
        env={
            "AXON_REGISTRY": str(published.directory.parents[1]),
            "AXON_ENTITIES": f"sqlite:{tmp_path / 'catalog.sqlite'}",
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in ended.stderr
