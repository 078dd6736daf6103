"""A service that runs follows its alias: a new version takes over under load, a broken one never does."""

import shutil
import threading
import time

import pytest

from registry.local import LocalRegistry
from tests.service.conftest import ROW, ROW_PROBABILITY


@pytest.fixture(scope="module")
def registry(make_bundle, tmp_path_factory):
    registry = LocalRegistry(tmp_path_factory.mktemp("swap") / "models")
    registry.publish(make_bundle(), "shop")
    return registry


@pytest.fixture(scope="module")
def running(ready, registry):
    with ready(registry=registry.root, poll_s=0.1) as running:
        yield running


@pytest.fixture
def service(running, registry, make_bundle):
    """The one service of these tests, with a champion that no test has touched."""
    running.wait_for_version(registry.publish(make_bundle(), "shop").number)
    return running


def champion(registry):
    return registry.aliases("shop")["champion"]


def served_version(service):
    return service.score(ROW).json()["version"]


class Load(threading.Thread):
    """One request after the other until it is told to stop; notes what came back."""

    def __init__(self, service):
        super().__init__()
        self.service = service
        self.answers = []
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            answer = self.service.score(ROW)
            self.answers.append((answer.status_code, answer.json()))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()


def test_a_new_champion_takes_over_without_a_failed_request(service, registry, make_bundle):
    before = champion(registry)
    with Load(service) as load:
        registry.publish(make_bundle(), "shop")
        service.wait_for_version(before + 1)
        assert served_version(service) == before + 1
    assert {status for status, _ in load.answers} == {200}
    versions = [answer["version"] for _, answer in load.answers]
    assert versions == sorted(versions)
    assert set(versions) <= {before, before + 1}
    answered = {answer["probabilities"][0] for _, answer in load.answers}
    assert list(answered) == pytest.approx([ROW_PROBABILITY] * len(answered), abs=1e-6)


def test_a_version_that_is_broken_is_named_and_the_old_one_serves_on(service, registry, make_bundle):
    before = champion(registry)
    broken = registry.root / "shop" / str(before + 1)
    shutil.copytree(make_bundle(), broken)
    (broken / "saved_model.pb").write_bytes(b"nothing that TensorFlow reads")
    registry.set_alias("shop", "champion", before + 1)
    text = service.wait_for("/healthz?verbose", lambda answer: "saved_model.pb" in answer.text).text
    assert f"[+] model shop/{before} is loaded" in text
    assert text.endswith("ok")
    assert served_version(service) == before


def test_going_back_is_a_swap_too(service, registry):
    registry.set_alias("shop", "champion", 1)
    service.wait_for_version(1)
    assert served_version(service) == 1


def test_a_registry_that_vanishes_does_not_stop_the_service(service, registry, make_bundle):
    before, aside = champion(registry), registry.root.with_name("aside")
    registry.root.rename(aside)
    service.wait_for("/healthz?verbose", lambda answer: "[-] " in answer.text)
    assert served_version(service) == before
    aside.rename(registry.root)
    registry.publish(make_bundle(), "shop")
    service.wait_for_version(before + 1)


def test_a_model_that_comes_beside_the_only_one_does_not_keep_the_service_from_following(
    service, registry, make_bundle
):
    registry.publish(make_bundle(name="news"), "news")
    service.wait_for_version(registry.publish(make_bundle(), "shop").number)
    assert "[-]" not in service.client.get("/healthz?verbose").text


def test_a_service_that_was_told_a_model_and_a_number_stays_with_them(ready, make_bundle, tmp_path):
    registry = LocalRegistry(tmp_path)
    for name in ("news", "shop"):
        registry.publish(make_bundle(name=name), name)
    with ready(registry=tmp_path, model="shop:1", poll_s=0.1) as running:
        registry.publish(make_bundle(), "shop")
        time.sleep(0.5)  # five looks into the registry
        answer = running.score(ROW).json()
        assert (answer["model"], answer["version"]) == ("shop", 1)
