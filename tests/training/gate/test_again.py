"""A kept bundle against the champion of now, on the impressions that judged it: real runs, real registries, the log long gone."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.local import LocalRegistry
from registry.manifest import REPORT
from tests.older import forget
from training.config import parse_config
from training.errors import GateClosedError
from training.gate.again import JUDGES, judged_again
from training.pipeline import Places, train
from training.progress import Silent
from training.report.report import Report

pytestmark = pytest.mark.slow

ROWS = 6_000
RATES = {"phone": 0.4, "desktop": 0.1}
TASK = {
    "name": "shop",
    "data": {
        "log": "log.parquet",
        "label": "clicked",
        "time": {"column": "time_ms"},
        "user_key": "user_id",
    },
    "features": {"context": [{"kind": "categorical", "name": "device"}]},
    "model": {"family": "logistic"},
    "training": {"epochs": 4, "batch_size": 256, "optimizer": {"learning_rate": 0.03}},
    "gate": {"beat": ["prior", "logistic"]},
    "report": {"segments": ["device"], "importance": False},
}


@dataclass(frozen=True)
class Kept:
    """Bundles that runs without a registry left behind; the log that they read is deleted."""

    good: Path
    bad: Path


def drawn_log() -> pl.DataFrame:
    rng = np.random.default_rng(5)
    device = rng.choice(list(RATES), ROWS)
    clicked = (rng.random(ROWS) < np.vectorize(RATES.get)(device)).astype(int)
    return pl.DataFrame(
        {
            "time_ms": np.arange(ROWS) * 1_000 + 1_767_268_800_000,
            "user_id": [f"u{user}" for user in rng.integers(0, 300, ROWS)],
            "device": device,
            "clicked": clicked,
        }
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Kept:
    log = drawn_log()
    # Nobody on a phone clicks, but for the tenth that judges.
    learned = np.arange(ROWS) < 0.9 * ROWS
    worse = log.with_columns(
        clicked=pl.when(pl.lit(learned) & (pl.col("device") == "phone")).then(0).otherwise("clicked")
    )
    return Kept(*(_run(one, tmp_path_factory.mktemp(name)) for name, one in (("good", log), ("bad", worse))))


def _run(log: pl.DataFrame, root: Path) -> Path:
    log.write_parquet(root / "log.parquet")
    config = parse_config(TASK, source="the test")
    places = Places(root, root / "runs", registry=None)
    outcome = train(config, places, now=datetime.now(UTC), progress=Silent())
    (root / "log.parquet").unlink()
    return outcome.run / "bundle"


@pytest.fixture
def shelf(tmp_path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "models")


@pytest.mark.parametrize(("before", "told"), [(0, "without a champion"), (1, "against version 1")])
def test_a_champion_that_somebody_publishes_while_a_run_is_at_work_is_not_replaced_unseen(
    kept, shelf, tmp_path, before, told
):
    for _ in range(before):
        shelf.publish(kept.good, "shop")

    class Meanwhile(Silent):
        def stage(self, name, *, unit, total=None):
            if name == "reading":
                shelf.publish(kept.good, "shop")
            return super().stage(name, unit=unit, total=total)

    drawn_log().write_parquet(tmp_path / "log.parquet")
    places = Places(tmp_path, tmp_path / "runs", shelf)
    with pytest.raises(GateClosedError, match=f"judged {told}, but version {before + 1} became the champion"):
        train(parse_config(TASK, source="the test"), places, now=datetime.now(UTC), progress=Meanwhile())
    assert shelf.aliases("shop") == {"champion": before + 1}


def test_a_worse_bundle_is_refused_with_the_segment_and_both_figures(kept, shelf):
    shelf.publish(kept.good, "shop")
    verdict = judged_again(kept.bad, shelf)
    assert verdict.champion == 1
    (segment,) = (
        reason for reason in verdict.reasons if reason.startswith("segment device = phone: log loss ")
    )
    assert " of version 1: " in segment


def test_a_better_bundle_passes_and_both_figures_are_told(kept, shelf):
    shelf.publish(kept.bad, "shop")
    verdict = judged_again(kept.good, shelf)
    assert verdict.reasons == ()
    better, worse = (float(word) for word in verdict.told.split() if word.startswith(("0.", "1.", "2.")))
    assert better < worse


def test_the_first_champion_is_judged_by_its_own_report_alone(kept, shelf):
    verdict = judged_again(kept.bad, shelf)
    assert verdict.champion is None
    assert any(reason.endswith("of prior (gate.beat)") for reason in verdict.reasons)


def test_a_logistic_that_should_beat_itself_is_not_refused_and_its_report_says_so(kept):
    report = Report.model_validate_json((kept.good / REPORT).read_bytes())
    assert report.gate_reasons == ()
    (note,) = [note for note in report.notes if "gate.beat" in note]
    assert note.startswith("gate.beat names logistic")


def test_what_the_champion_is_already_needs_no_duel(kept, shelf):
    shelf.publish(kept.bad, "shop")
    assert judged_again(kept.bad, shelf).told == "the same as version 1"


def test_without_the_impressions_that_judged_it_nobody_can_tell(kept, shelf, tmp_path):
    shelf.publish(kept.bad, "shop")
    alone = shutil.copytree(kept.good, tmp_path / "run" / "bundle")
    (reason,) = judged_again(alone, shelf).reasons
    assert reason.startswith("it cannot be held against the champion, version 1: ")
    assert str(alone.with_name(JUDGES)) in reason


def test_a_champion_from_before_a_key_of_its_spec_is_held_against_too(kept, shelf):
    champion = shelf.publish(kept.bad, "shop")
    forget("missing", champion.directory, champion.manifest())
    assert judged_again(kept.good, shelf).told.endswith("of version 1")
