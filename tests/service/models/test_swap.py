"""A service that runs follows its alias: a new version takes over under load, a broken one never does."""

import shutil
import threading
import time

import pytest

from tests.service.conftest import ROW, ROW_PROBABILITY


@pytest.fixture
def service(start, registry):
    with start(registry=registry.root, poll_s=0.1) as running:
        running.wait_until_ready()
        yield running


def served_version(service):
    return service.score(ROW).json()["version"]


def wait_for_version(service, version):
    service.wait_for("/healthz?verbose", lambda answer: f"shop/{version} is loaded" in answer.text)


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
    with Load(service) as load:
        registry.publish(make_bundle(), "shop")
        wait_for_version(service, 2)
        assert served_version(service) == 2
    assert {status for status, _ in load.answers} == {200}
    versions = [answer["version"] for _, answer in load.answers]
    assert versions == sorted(versions)
    assert set(versions) <= {1, 2}
    answered = {answer["probabilities"][0] for _, answer in load.answers}
    assert list(answered) == pytest.approx([ROW_PROBABILITY] * len(answered), abs=1e-6)


def test_a_version_that_is_broken_is_named_and_the_old_one_serves_on(service, registry, make_bundle):
    broken = registry.root / "shop" / "2"
    shutil.copytree(make_bundle(), broken)
    (broken / "saved_model.pb").write_bytes(b"nothing that TensorFlow reads")
    registry.set_alias("shop", "champion", 2)
    text = service.wait_for("/healthz?verbose", lambda answer: "saved_model.pb" in answer.text).text
    assert "[+] model shop/1 is loaded" in text
    assert text.endswith("ok")
    assert served_version(service) == 1


def test_going_back_is_a_swap_too(service, registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    wait_for_version(service, 2)
    registry.set_alias("shop", "champion", 1)
    wait_for_version(service, 1)
    assert served_version(service) == 1


def test_a_registry_that_vanishes_does_not_stop_the_service(service, registry, make_bundle):
    aside = registry.root.with_name("aside")
    registry.root.rename(aside)
    service.wait_for("/healthz?verbose", lambda answer: "[-] " in answer.text)
    assert served_version(service) == 1
    aside.rename(registry.root)
    registry.publish(make_bundle(), "shop")
    wait_for_version(service, 2)


def test_a_service_that_was_told_a_number_stays_with_it(start, registry, make_bundle):
    with start(registry=registry.root, model="shop:1", poll_s=0.1) as running:
        running.wait_until_ready()
        registry.publish(make_bundle(), "shop")
        time.sleep(0.5)  # five looks into the registry
        assert served_version(running) == 1


def test_a_model_that_comes_beside_the_only_one_does_not_keep_the_service_from_following(
    service, registry, make_bundle
):
    registry.publish(make_bundle(name="news"), "news")
    registry.publish(make_bundle(), "shop")
    wait_for_version(service, 2)
    assert "[-]" not in service.client.get("/healthz?verbose").text
