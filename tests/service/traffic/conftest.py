"""A service that divides its users between three versions, with a shadow; and one with nothing but a shadow, which has no room."""

import pytest

from service.traffic.split import Split
from tests.service.conftest import NOON_MS
from tests.service.traffic.versions import CHALLENGER, CHAMPION, SHADOW, publish_versions

SPLIT, SALT = "champion:40,challenger:50,bold:10", "pepper"
DIVIDED = Split.parse(SPLIT, salt=SALT, default="champion")
USERS = [f"user {number}" for number in range(40)]
VERSIONS = {None: CHAMPION, "challenger": CHALLENGER, "bold": SHADOW}


def row(user):
    return {"user": {"city": user}, "item": {"ad_id": "ad_1"}, "context": {"shown_at": NOON_MS}}


def ask(service, *users, query="", **body):
    answer = service.client.post(
        f"/api/v1/score{query}", json={"rows": [row(user) for user in users], **body}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def expected(user):
    """The number of the version that this user belongs to."""
    return VERSIONS[DIVIDED.alias_of(user)]


def user_of(number):
    return next(user for user in USERS if expected(user) == number)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory, model_directory):
    registry = publish_versions(tmp_path_factory.mktemp("traffic"), model_directory)
    registry.set_alias("shop", "bold", SHADOW)
    return registry


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    return f"file:{tmp_path_factory.mktemp('decisions')}"


@pytest.fixture(scope="session")
def settings(shelf, address):
    return {
        "registry": shelf.root,
        "split": SPLIT,
        "split_salt": SALT,
        "shadow": "shadow",
        "decisions": address,
        "decision_rate_score": 1,
        "poll_s": 0.1,
    }


def wait_for_all(service):
    service.wait_until_ready()
    service.wait_for("/healthz?verbose", lambda answer: "[+] shadow (shadow) is shop/3" in answer.text)


@pytest.fixture(scope="session")
def divided(start, settings):
    with start(**settings) as running:
        wait_for_all(running)
        yield running


@pytest.fixture(scope="session")
def without_room(start, settings, tmp_path_factory):
    """No split, and a shadow's queue into which nothing fits."""
    decisions = f"file:{tmp_path_factory.mktemp('decisions')}"
    changes = {"split": "", "shadow_queue_bytes": 1024, "decisions": decisions}
    with start(**settings | changes) as running:
        wait_for_all(running)
        yield running
