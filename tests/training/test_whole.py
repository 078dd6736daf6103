"""`training.refit`: what is exported has learned from the whole log, and whoever judges sees nothing of it; real runs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import logit

from features.fitted import FittedSpec, FittedVocabulary
from features.spec import Categorical, FeatureSpec
from registry.local import LocalRegistry
from registry.manifest import verify
from registry.reference import ModelRef
from registry.version import Version
from training.calibration import PerSegment
from training.calibration.curves import Linear
from training.config import parse_config
from training.export.loaded import LoadedModel
from training.pipeline import Places, train
from training.progress import Silent
from training.report.report import Report
from training.scoring.evaluate import evaluate_log
from training.whole import NOTE, _with_ids_of

pytestmark = pytest.mark.slow

ROWS = 6_000
BEGIN_MS = 1_767_268_800_000
TASK: dict[str, Any] = {
    "name": "shop",
    "data": {"log": "log.parquet", "label": "clicked", "time": {"column": "time_ms"}},
    "features": {
        "user": [{"kind": "categorical", "name": "device"}],
        "item": [{"kind": "categorical", "name": "ad", "min_count": 1}],
    },
    "model": {"family": "mlp", "hidden": [8], "embedding_dim": 4, "linear_member": True},
    "training": {"epochs": 4, "batch_size": 128},
    "gate": {"beat": [], "max_calibration_error": None, "champion": {"max_log_loss_increase": 1.0}},
    "report": {"importance": False},
}


def drawn_log() -> pl.DataFrame:
    """One ad is shown in the last tenth alone, which judges; nearly everybody clicks on it."""
    rng = np.random.default_rng(5)
    ad = rng.choice(["a", "b", "c"], ROWS).astype(object)
    ad[(np.arange(ROWS) >= 0.9 * ROWS) & (rng.random(ROWS) < 0.5)] = "late"
    clicked = rng.random(ROWS) < np.vectorize({"a": 0.1, "b": 0.2, "c": 0.4, "late": 0.95}.get)(ad)
    return pl.DataFrame(
        {
            "time_ms": np.arange(ROWS) * 1_000 + BEGIN_MS,
            "device": rng.choice(["phone", "desktop"], ROWS),
            "ad": ad,
            "clicked": clicked.astype(int),
        }
    )


@dataclass(frozen=True)
class Trained:
    """Versions of a registry, the second trained like the first, with its weights to begin with."""

    reports: tuple[Report, ...]
    versions: tuple[Version, ...]


def trained(directory: Path, runs: int = 2, *, log: pl.DataFrame | None = None, **training: Any) -> Trained:
    directory.mkdir()
    (drawn_log() if log is None else log).write_parquet(directory / "log.parquet")
    registry = LocalRegistry(directory / "models")
    reports, versions = [], []
    for warm in (False, True)[:runs]:
        settings = {**TASK["training"], **training, "warm_start": warm}
        task = parse_config({**TASK, "training": settings}, source="the test")
        places = Places(directory, directory / "runs", registry)
        reports.append(train(task, places, now=datetime.now(UTC), progress=Silent()).report)
        versions.append(registry.resolve(ModelRef.parse("shop")))
    return Trained(tuple(reports), tuple(versions))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Trained:
    return trained(tmp_path_factory.mktemp("whole") / "plain")


@pytest.fixture(scope="module")
def refitted(tmp_path_factory) -> Trained:
    return trained(tmp_path_factory.mktemp("whole") / "refitted", refit=True)


def answers(directory: Path, rows: pl.DataFrame) -> Any:
    return LoadedModel.open(directory).probabilities(rows.select("device", "ad"))


def test_what_only_the_held_out_slice_shows_is_known_to_what_is_exported(plain, refitted):
    rows = pl.DataFrame({"device": ["phone"], "ad": ["late"]})
    (before,), (after,) = (answers(one.versions[0].directory, rows) for one in (plain, refitted))
    assert before < 0.5 < after


def test_the_figures_are_those_of_the_network_that_had_not_seen_it(plain, refitted):
    assert refitted.reports[0].metrics == plain.reports[0].metrics
    assert NOTE in refitted.reports[0].notes
    assert NOTE not in plain.reports[0].notes


def test_that_network_is_kept_and_answers_as_it_was_judged(plain, refitted):
    judged = refitted.versions[0].judged()
    assert np.array_equal(
        *(answers(one, drawn_log()) for one in (judged.directory, plain.versions[0].directory))
    )
    assert plain.versions[0].judged() == plain.versions[0]


def test_both_say_what_they_learned_from(refitted):
    version = refitted.versions[0]
    whole, judged = verify(version.directory), verify(version.judged().directory)
    begin = datetime.fromtimestamp(BEGIN_MS / 1_000, UTC)
    assert whole.last_impression_at == begin + timedelta(seconds=ROWS - 1)
    assert judged.last_impression_at == begin + timedelta(seconds=round(0.8 * ROWS) - 1)


def test_a_challenger_stands_against_the_network_that_was_judged(plain, refitted):
    duels = [one.reports[1].duel for one in (plain, refitted)]
    assert duels[0] is not None
    assert duels[0] == duels[1]


def test_and_begins_with_its_weights_where_it_will_be_judged(plain, refitted):
    assert refitted.reports[1].metrics == plain.reports[1].metrics
    assert refitted.reports[1].metrics != refitted.reports[0].metrics


@pytest.mark.parametrize(("after", "says"), [(0.0, True), (0.99, True), (1.01, False)])
def test_an_evaluation_says_where_a_version_may_have_learned_from_it(refitted, tmp_path, after, says):
    version = refitted.versions[0]
    begins = pl.lit(BEGIN_MS + round(after * ROWS) * 1_000) - pl.col("time_ms").min()
    later = drawn_log()[:500].with_columns(pl.col("time_ms") + begins)
    later.write_parquet(tmp_path / "later.parquet")
    report, _ = evaluate_log(
        parse_config(TASK, source="the test"),
        version,
        tmp_path,
        log=tmp_path / "later.parquet",
        runs=tmp_path / "runs",
        now=datetime.now(UTC),
        progress=Silent(),
    )
    assert any("learned from impressions up to 2026-01-01 13:39" in note for note in report.notes) is says


def test_curves_of_segments_follow_their_segments():
    def fitted(*tokens: str) -> FittedSpec:
        spec = FeatureSpec(user=(Categorical(name="device"),))
        return FittedSpec(spec=spec, fitted={"device": FittedVocabulary(tokens=tokens)})

    before, now = fitted("phone", "desktop"), fitted("tablet", "desktop", "phone")
    first = before.rows_of(before.spec.user[0]) - 2
    curves = {first: Linear(kind="platt", slope=2.0), first + 1: Linear(kind="platt", slope=3.0)}
    otherwise = Linear(kind="platt", slope=1.0)
    moved = _with_ids_of(now, PerSegment(feature="device", otherwise=otherwise, by_id=curves), before)
    assert isinstance(moved, PerSegment)
    assert moved.by_id == {first + 2: curves[first], first + 1: curves[first + 1]}


def test_non_clicks_that_were_left_out_are_undone(tmp_path):
    thinned = trained(tmp_path / "thinned", 1, refit=True, keep_rate=0.5)
    log = drawn_log()
    promised = answers(thinned.versions[0].directory, log).mean()
    assert promised == pytest.approx(log["clicked"].mean(), rel=0.03)


@pytest.mark.parametrize(
    ("rate", "promised"),
    [
        # Up and down every 2,400 impressions: up again in the latest 1,200, which are held out.
        (lambda time: np.where(time % 2_400 < 1_200, 0.4, 0.1), 0.25),
        # Up for good, and in the held-out 1,200, too.
        (lambda time: np.where(time < 0.7 * ROWS, 0.1, 0.4), 0.4),
    ],
)
def test_a_change_that_nothing_explains_is_followed_as_far_as_such_have_lasted(tmp_path, rate, promised):
    clicked = np.random.default_rng(6).random(ROWS) < rate(np.arange(ROWS))
    log = drawn_log().with_columns(clicked=pl.Series(clicked.astype(int)), ad=pl.lit("a"))
    held = {"kind": "platt", "prior": 0.02}
    known = trained(tmp_path / "known", 1, log=log, refit=True, calibration=held)
    assert answers(known.versions[0].directory, log).mean() == pytest.approx(promised, abs=0.06)


def test_it_is_as_sure_as_both_held_out_slices_let_it(tmp_path):
    """What tells the ads apart does not in the latest tenth, which chose nothing."""
    rows = 20_000
    rng = np.random.default_rng(7)
    ad = rng.choice(["a", "b", "c"], rows)
    rate = np.where(np.arange(rows) < 0.9 * rows, np.vectorize({"a": 0.1, "b": 0.2, "c": 0.4}.get)(ad), 0.23)
    log = pl.DataFrame(
        {
            "time_ms": np.arange(rows) * 1_000 + BEGIN_MS,
            "device": rng.choice(["phone", "desktop"], rows),
            "ad": ad,
            "clicked": (rng.random(rows) < rate).astype(int),
        }
    )
    held = {"kind": "platt", "prior": 0.02}
    version = trained(tmp_path / "sure", 1, log=log, refit=True, calibration=held).versions[0]
    now, before = (logit(answers(one.directory, log)).std() for one in (version, version.judged()))
    assert now < 0.75 * before
