"""What holds for every registry, wherever it keeps its versions."""

import re
from datetime import UTC, datetime

import pytest

from registry.errors import (
    AmbiguousModelError,
    IntegrityError,
    NothingPublishedError,
    RefusedMoveError,
    UnknownVersionError,
    UnusableNameError,
)
from registry.manifest import REPORT, verify
from registry.outcomes import Outcome
from registry.reference import ModelRef
from registry.summary import summaries
from tests.registry.conftest import make_facts


def publish(shelf, make_bundle, times):
    bundle = make_bundle()
    return [shelf.publish(bundle, "shop").number for _ in range(times)]


def moves(shelf):
    """Action, alias, from and to of every move."""
    return [(move.action.value, move.alias, move.before, move.after) for move in shelf.state("shop").moves]


def numbers(shelf):
    return [version.number for version in shelf.versions("shop")]


def test_versions_count_up(shelf, make_bundle):
    assert publish(shelf, make_bundle, 3) == [1, 2, 3] == numbers(shelf)


def test_the_last_version_is_the_champion(shelf, make_bundle):
    publish(shelf, make_bundle, 2)
    assert shelf.resolve(ModelRef.parse("shop")).number == 2


def test_a_fetched_version_verifies(shelf, make_bundle):
    bundle = make_bundle(files={"assets/deep/words.txt": b"red"})
    version = shelf.fetch(shelf.publish(bundle, "shop"))
    assert verify(version.directory) == verify(bundle)


def test_a_file_is_read_without_the_others(shelf, make_bundle):
    version = shelf.publish(make_bundle(files={REPORT: b"{}"}), "shop")
    assert (shelf.read(version, REPORT), shelf.read(version, "absent")) == (b"{}", None)


def test_models_with_a_version_are_named(shelf, make_bundle):
    shelf.publish(make_bundle("shop"), "shop")
    shelf.publish(make_bundle("news"), "news")
    assert shelf.names() == ["news", "shop"]
    with pytest.raises(AmbiguousModelError, match="has news, shop; say which one"):
        shelf.only()


def test_a_registry_without_a_version_says_what_it_looked_for(shelf):
    assert shelf.names() == []
    with pytest.raises(NothingPublishedError, match=r"/<number>/assets\.extra/manifest\.json"):
        shelf.versions("shop")
    with pytest.raises(NothingPublishedError, match=re.escape(shelf.address)):
        shelf.only()


def test_an_unknown_version_lists_what_exists(shelf, make_bundle):
    publish(shelf, make_bundle, 1)
    with pytest.raises(UnknownVersionError, match=r"got shop:2.*versions 1 and aliases: champion -> 1"):
        shelf.resolve(ModelRef.parse("shop:2"))


@pytest.mark.parametrize("alias", ["", "a/b", "..", "é"])
def test_an_alias_is_a_plain_name(shelf, make_bundle, alias):
    publish(shelf, make_bundle, 1)
    with pytest.raises(UnusableNameError, match="expected an alias"):
        shelf.set_alias("shop", alias, 1)


def test_a_broken_bundle_is_not_published(shelf, make_bundle):
    bundle = make_bundle()
    (bundle / "saved_model.pb").write_bytes(b"grapH")
    with pytest.raises(IntegrityError):
        shelf.publish(bundle, "shop")
    assert shelf.names() == []


def test_any_alias_may_point_anywhere(shelf, make_bundle):
    publish(shelf, make_bundle, 2)
    shelf.set_alias("shop", "shadow", 1)
    shelf.set_alias("shop", "my-test", 2)
    assert shelf.aliases("shop") == {"champion": 2, "shadow": 1, "my-test": 2}


def test_every_move_leaves_a_line(shelf, make_bundle):
    publish(shelf, make_bundle, 2)
    shelf.set_alias("shop", "challenger", 1, reason="try it")
    shelf.drop_alias("shop", "challenger")
    shelf.rollback("shop")
    assert moves(shelf) == [
        ("publish", "champion", None, 1),
        ("publish", "champion", 1, 2),
        ("promote", "challenger", None, 1),
        ("demote", "challenger", 1, None),
        ("rollback", "champion", 2, 1),
    ]
    assert [move.reason for move in shelf.state("shop").moves] == ["", "", "try it", "", ""]


def test_a_line_says_who_moved(shelf, make_bundle):
    publish(shelf, make_bundle, 1)
    assert re.fullmatch(r".+@\S+ \d+", shelf.state("shop").moves[0].who)


def test_a_move_to_where_the_alias_stands_leaves_no_line(shelf, make_bundle):
    publish(shelf, make_bundle, 1)
    shelf.set_alias("shop", "champion", 1)
    assert len(shelf.state("shop").moves) == 1


def test_a_rollback_goes_to_the_version_before(shelf, make_bundle):
    publish(shelf, make_bundle, 3)
    before, after = shelf.rollback("shop")
    assert (before.number, after.number, shelf.aliases("shop")) == (3, 2, {"champion": 2})


def test_a_second_rollback_goes_one_further(shelf, make_bundle):
    publish(shelf, make_bundle, 3)
    shelf.rollback("shop")
    assert shelf.rollback("shop")[1].number == 1


def test_what_is_published_after_a_rollback_rolls_back_to_what_served(shelf, make_bundle):
    publish(shelf, make_bundle, 3)
    shelf.rollback("shop")
    publish(shelf, make_bundle, 1)
    assert shelf.rollback("shop")[1].number == 2


def test_a_first_champion_cannot_be_rolled_back(shelf, make_bundle):
    publish(shelf, make_bundle, 1)
    with pytest.raises(RefusedMoveError, match="no version before champion -> 1"):
        shelf.rollback("shop")
    assert shelf.aliases("shop") == {"champion": 1}


def test_publishing_and_rolling_back_restores_every_alias(shelf, make_bundle):
    publish(shelf, make_bundle, 2)
    shelf.set_alias("shop", "shadow", 1)
    before = shelf.aliases("shop")
    publish(shelf, make_bundle, 1)
    shelf.rollback("shop")
    assert shelf.aliases("shop") == before


def test_the_champion_is_not_taken_away(shelf, make_bundle):
    publish(shelf, make_bundle, 1)
    with pytest.raises(RefusedMoveError, match="needs a champion"):
        shelf.drop_alias("shop", "champion")


def test_pruning_keeps_the_newest(shelf, make_bundle):
    publish(shelf, make_bundle, 5)
    shelf.set_alias("shop", "champion", 5)
    assert [version.number for version in shelf.prune("shop", keep=2)] == [1, 2, 3]
    assert numbers(shelf) == [4, 5]
    assert moves(shelf)[-1] == ("prune", None, 3, None)


def test_pruning_keeps_what_an_alias_names_and_what_a_rollback_needs(shelf, make_bundle):
    publish(shelf, make_bundle, 6)
    shelf.set_alias("shop", "shadow", 1)
    shelf.set_alias("shop", "champion", 3)
    shelf.set_alias("shop", "champion", 4)
    assert [version.number for version in shelf.prune("shop", keep=1)] == [2, 5]
    assert numbers(shelf) == [1, 3, 4, 6]
    assert shelf.rollback("shop")[1].number == 3


def test_a_dry_run_removes_nothing(shelf, make_bundle):
    publish(shelf, make_bundle, 3)
    assert [version.number for version in shelf.prune("shop", keep=1, dry_run=True)] == [1]
    assert numbers(shelf) == [1, 2, 3]


def test_a_rollback_passes_over_a_pruned_version(shelf, make_bundle):
    publish(shelf, make_bundle, 4)
    for number in (1, 2, 4):
        shelf.set_alias("shop", "shadow", number)
    shelf.set_alias("shop", "kept", 1)
    assert [version.number for version in shelf.prune("shop", keep=1)] == [2]
    assert shelf.rollback("shop", alias="shadow")[1].number == 1


def test_a_summary_shows_metrics_data_and_aliases(shelf, make_bundle):
    report = b'{"slice": "test", "metrics": {"auc": 0.75, "log_loss": 0.5, "clicks": 3}, "name": "shop"}'
    shelf.publish(make_bundle(files={REPORT: report}), "shop")
    (summary,) = summaries(shelf, "shop")
    assert (summary.version, summary.aliases, summary.judged_on) == (1, ("champion",), "test")
    assert (summary.auc, summary.log_loss, summary.ece) == (0.75, 0.5, None)
    assert summary.created_at == make_facts().created_at


def ended(ending, minute=0):
    at = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
    return Outcome(at=at, ending=ending, run="r1", reasons=("AUC fell",))


def test_outcomes_of_trainings_are_kept_in_order(shelf):
    shelf.note_outcome("shop", ended("refused", minute=1))
    shelf.note_outcome("shop", ended("published", minute=2))
    assert [(one.ending, one.at.minute) for one in shelf.outcomes("shop")] == [
        ("refused", 1),
        ("published", 2),
    ]


def test_a_model_that_was_never_trained_on_schedule_has_no_outcomes(shelf):
    assert list(shelf.outcomes("shop")) == []


def test_an_outcome_makes_no_model(shelf):
    shelf.note_outcome("shop", ended("refused"))
    assert shelf.names() == []
