"""Who is answered by which alias: shares hold, and the same user stays where they are."""

import subprocess
import sys

import pytest

from service.settings import ServiceSettings
from service.traffic.split import Split
from tests.service.conftest import REPOSITORY

USERS = [f"user {number}" for number in range(20_000)]


def split(text, salt="", default="champion"):
    return Split.parse(text, salt=salt, default=default)


def answered(users, text, **how):
    """The users of each alias; those of the version that serves by default under None."""
    divided = split(text, **how)
    groups: dict[str | None, set[str]] = {}
    for user in users:
        groups.setdefault(divided.alias_of(user), set()).add(user)
    return groups


@pytest.mark.parametrize("salt", ["", "spring", "autumn"])
def test_a_share_is_as_large_as_it_says(salt):
    challenged = len(answered(USERS, "challenger:10", salt=salt)["challenger"])
    # Four standard deviations of a binomial of 20,000 draws: sqrt(20000 * 0.1 * 0.9) = 42.
    assert abs(challenged - 2000) < 4 * 42.4


def test_nobody_moves_back_when_a_share_grows():
    before, after = (answered(USERS, text)["challenger"] for text in ("challenger:10", "challenger:20"))
    assert before < after


def test_to_name_the_champions_share_changes_nothing():
    assert answered(USERS, "champion:90,challenger:10") == answered(USERS, "challenger:10")


def test_two_shares_have_no_user_in_common():
    groups = answered(USERS, "challenger:10,bold:5")
    assert groups["bold"].isdisjoint(groups["challenger"])
    assert abs(len(groups["bold"]) - 1000) < 4 * 30.9  # sqrt(20000 * 0.05 * 0.95)


def test_a_share_of_everybody_leaves_nobody_out():
    assert answered(USERS, "challenger:100").keys() == {"challenger"}


def test_a_share_of_nobody_answers_nobody():
    assert answered(USERS, "challenger:0").keys() == {None}


def test_a_share_may_be_a_hundredth_of_a_percent():
    many = [f"user {number}" for number in range(200_000)]
    # 20 are expected; fewer than 5 or more than 40 would come once in ten thousand.
    assert 5 <= len(answered(many, "challenger:0.01")["challenger"]) <= 40


def test_another_salt_deals_users_out_anew():
    one, other = (answered(USERS, "challenger:50", salt=salt)["challenger"] for salt in ("a", "b"))
    # Independent halves share a quarter: 5,000 of 20,000, give or take four times 61.
    assert abs(len(one & other) - 5000) < 4 * 61.3


def test_another_process_deals_users_out_alike():
    source = (
        "from service.traffic.split import Split; split = Split.parse('challenger:50', salt='a', default='champion'); "
        "print(''.join(str(int(split.alias_of(f'user {number}') is None)) for number in range(200)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=REPOSITORY,
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = split("challenger:50", salt="a")
    assert done.stdout.strip() == "".join(str(int(here.alias_of(user) is None)) for user in USERS[:200])


def test_a_user_without_an_id_is_answered_by_default():
    assert split("challenger:100").alias_of("") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("challenger", "expected ALIAS:PERCENT"),
        ("challenger:ten", "expected ALIAS:PERCENT"),
        ("challenger:-1", "expected from 0 to 100 %"),
        ("challenger:nan", "expected from 0 to 100 %"),
        ("challenger:0.001", "at most two decimals"),
        ("challenger:60,bold:50", "got 110 %"),
        ("champion:80,challenger:10", "got 90 %"),
        ("challenger:10,challenger:10", "every alias once"),
        ("../x:10", "expected an alias"),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused_when_the_service_starts(text, told):
    with pytest.raises(ValueError, match=told):
        ServiceSettings(split=text)


def test_every_alias_is_followed_once():
    settings = ServiceSettings(split="champion:80,challenger:20,bold:0", shadow="challenger")
    assert settings.followed == ("challenger", "bold")
