"""Several versions live in one service: by name, by share of users, and as their aliases move."""

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.conftest import REPOSITORY
from tests.service.traffic.conftest import USERS, ask, expected, row, user_of
from tests.service.traffic.versions import BIASES, CHALLENGER, CHAMPION, SHADOW


def test_every_user_is_answered_by_the_version_of_their_share(divided):
    versions = {user: ask(divided, user)["version"] for user in USERS}
    assert versions == {user: expected(user) for user in USERS}
    assert set(versions.values()) == {CHAMPION, CHALLENGER, SHADOW}


def test_the_version_that_is_named_in_an_answer_is_the_one_that_computed_it(divided):
    for user in USERS[:6]:
        answer = ask(divided, user)
        # By hand: the logit of `save_model` for an item ad_1 published at an unknown time.
        logit = BIASES[answer["version"]] + 1 + 0.0625
        assert answer["probabilities"] == pytest.approx([1 / (1 + math.exp(-logit))], abs=1e-6)


def test_a_request_of_several_users_is_answered_by_one_version_that_of_the_first(divided):
    ours, theirs = user_of(CHAMPION), user_of(CHALLENGER)
    assert ask(divided, ours, theirs)["version"] == CHAMPION
    assert ask(divided, theirs, ours)["version"] == CHALLENGER


def test_a_request_without_a_user_is_answered_by_the_champion(divided):
    assert divided.score({}).json()["version"] == CHAMPION


def test_requests_that_come_at_once_are_each_answered_by_their_own_version(divided):
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda user: ask(divided, user)["version"], USERS * 3))
    assert versions == [expected(user) for user in USERS] * 3


@pytest.mark.parametrize("name", ["2", "challenger"])
@pytest.mark.parametrize("user", USERS[:3])
def test_a_version_named_in_the_address_answers_whoever_asks(divided, name, user):
    assert ask(divided, user, query=f"?version={name}")["version"] == CHALLENGER


@pytest.mark.parametrize("name", ["shop:2", "shop@challenger"])
def test_a_version_named_in_the_body_answers_whoever_asks(divided, name):
    assert {ask(divided, user, model=name)["version"] for user in USERS[:6]} == {CHALLENGER}


@pytest.mark.parametrize("key", ['"model"', r'"m\u006fdel"'])
def test_a_version_is_named_in_the_body_without_a_split_too(without_room, key):
    body = f'{{{key}: "shop@shadow", "rows": [{{}}]}}'
    answer = without_room.client.post(
        "/api/v1/score", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["version"] == SHADOW


def test_the_name_of_the_model_alone_names_no_version(divided):
    assert [ask(divided, user, model="shop")["version"] for user in USERS[:6]] == [
        expected(user) for user in USERS[:6]
    ]


def test_the_address_counts_before_the_body(divided):
    assert ask(divided, "anybody", query="?version=3", model="shop:2")["version"] == SHADOW


def test_a_version_that_is_not_live_is_refused_with_those_that_are(divided):
    answer = divided.client.post("/api/v1/score?version=9", json={"rows": [row("u")]})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/version-not-live")
    assert "1 (champion), 2 (challenger), 3 (bold, shadow), got '9'" in answer.json()["detail"]


def test_two_versions_at_once_are_refused(divided):
    answer = divided.client.post("/api/v1/score?version=1&version=2", json={"rows": [row("u")]})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"rows": 1}', b'{"rows": [1]}', b'{"rows": [{"user": {"city": [1]}}]}']
)
def test_a_wrong_body_is_refused_as_it_is_without_a_split(divided, service, body):
    headers = {"Content-Type": "application/json"}
    answers = [one.client.post("/api/v1/score", content=body, headers=headers) for one in (divided, service)]
    assert answers[0].status_code in {400, 422}
    assert answers[0].json() == answers[1].json()


def test_a_service_without_a_split_answers_by_number_too(service):
    assert ask(service, "u", query="?version=1")["version"] == 1
    assert ask(service, "u", query="?version=champion")["version"] == 1


def test_the_health_check_names_every_live_version_and_its_share(divided):
    text = divided.client.get("/healthz?verbose").text
    assert "[+] model shop/1 is loaded" in text
    assert "[+] challenger (50 % of users) is shop/2" in text
    assert "[+] bold (10 % of users) is shop/3" in text


def test_the_models_route_says_what_this_process_answers_with(divided):
    assert divided.client.get("/api/v1/models/shop").json()["live"] == [
        {"version": 1, "aliases": ["champion"], "share": 40.0, "shadow": False},
        {"version": 2, "aliases": ["challenger"], "share": 50.0, "shadow": False},
        {"version": 3, "aliases": ["bold", "shadow"], "share": 10.0, "shadow": True},
    ]


@pytest.mark.parametrize(("number", "alias"), [(1, "champion"), (2, "challenger"), (3, "bold")])
def test_metrics_name_every_live_version_with_its_alias(divided, number, alias):
    ask(divided, user_of(number))
    text = divided.client.get("/metrics").text
    assert f'axon_model_loaded_info{{alias="{alias}",' in text
    assert divided.value(f'axon_predictions_total{{model="shop",version="{number}"}}') > 0


def test_the_description_has_the_version(divided):
    operation = divided.client.get("/openapi.json").json()["paths"]["/api/v1/score"]["post"]
    assert "version" in {parameter["name"] for parameter in operation["parameters"]}


def test_one_version_under_two_names_is_loaded_once(divided):
    assert divided.log.read_text().count("loading shop/3") == 1


@pytest.fixture
def bold(shelf):
    """Puts the alias back afterwards."""
    yield
    shelf.set_alias("shop", "bold", SHADOW)


def test_the_share_of_an_alias_that_goes_falls_back_to_the_champion(divided, shelf, bold):
    shelf.drop_alias("shop", "bold")
    gone = "[-] bold (10 % of users): no version is bold now"
    divided.wait_for("/healthz?verbose", lambda answer: gone in answer.text)
    assert ask(divided, user_of(SHADOW))["version"] == CHAMPION
    shelf.set_alias("shop", "bold", SHADOW)
    divided.wait_for("/healthz?verbose", lambda answer: gone not in answer.text)
    assert ask(divided, user_of(SHADOW))["version"] == SHADOW


def test_a_moved_alias_takes_its_users_along(divided, shelf, bold):
    shelf.set_alias("shop", "bold", CHALLENGER)
    divided.wait_for("/healthz?verbose", lambda answer: "[+] bold (10 % of users) is shop/2" in answer.text)
    assert ask(divided, user_of(SHADOW))["version"] == CHALLENGER
    shelf.set_alias("shop", "bold", SHADOW)
    divided.wait_for("/healthz?verbose", lambda answer: "[+] bold (10 % of users) is shop/3" in answer.text)


def test_axon_models_asks_a_service_what_it_serves(divided, shelf):
    url = f"http://127.0.0.1:{divided.port}"
    command = [
        sys.executable,
        "-m",
        "axon",
        "models",
        "--registry",
        str(shelf.root),
        "--url",
        url,
        "--json",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert {row["version"]: row["served_by"] for row in json.loads(done.stdout)["versions"]} == {
        CHAMPION: [f"{url} (40 %)"],
        CHALLENGER: [f"{url} (50 %)"],
        SHADOW: [f"{url} (10 %)"],
    }


def test_axon_models_says_when_no_service_answers(shelf):
    command = [sys.executable, "-m", "axon", "models", "--registry", str(shelf.root)]
    done = subprocess.run(
        [*command, "--url", "http://127.0.0.1:1"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.partition(":1:")[0]) == (
        1,
        "axon: no service answers at http://127.0.0.1",
    )
