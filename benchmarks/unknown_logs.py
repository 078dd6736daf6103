"""What `axon init` and `axon train` reach without an edit on logs of many shapes, beside `logistic` and LightGBM.

Every log is cut in the order of time: its first rows are the log that init and train see, the later ones are scored
from a file of their own, as `axon score` does. LightGBM trains on all of the first rows with its defaults, identifiers
as categories and as plain integers; the better of both counts. "By chance" is the ECE that exact probabilities would
show on so many rows. "Without drift" is the ECE if the click rate of the later
rows had been known, as it never is: what is left of it when every logit is moved by the same number.

    python -m benchmarks.unknown_logs [--rows 20000] [--seed 5] [--only census ...] [--bare]
    python -m benchmarks.unknown_logs --log FILE.csv --label COLUMN [--positive VALUE]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.unknown_worlds import WORLDS
from features.spec import Buckets, Numeric
from registry.local import LocalRegistry
from registry.reference import ModelRef
from training.config import LINEAR, ModelConfig, TaskConfig, TrainingConfig, load_config
from training.init import Question, write_task
from training.init.dialect import separator_of
from training.log.labels import read_labels
from training.log.quarantine import Quarantine
from training.metrics import ece, ece_by_chance, log_loss
from training.pipeline import Places, train
from training.progress import Silent
from training.scoring.scoring import Scorer, score_file

JUDGED = 20_000
"""Rows of every drawn log that are scored."""

HEADER = (
    "log",
    "rows",
    "clicks",
    "prior",
    "logistic",
    "LightGBM",
    "ours",
    "ECE",
    "by chance",
    "without drift",
    "seconds",
)


@dataclass(frozen=True)
class Case:
    """A log on disc, cut in two.

    Attributes:
        name: For the table.
        seen: What init and train see.
        judged: Later rows.
        label: Their column of clicks.
        positive: Its values that mean a click, where they must be named.
    """

    name: str
    seen: Path
    judged: Path
    label: str
    positive: tuple[str, ...] = ()


def main() -> None:
    """Print one line per log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="of every drawn log that init and train see")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--bare", action="store_true", help="leave model and training to the defaults")
    parser.add_argument(
        "--log", type=Path, help="a .csv file of yours in order of time; its last fifth is judged"
    )
    parser.add_argument("--label")
    parser.add_argument("--positive", nargs="*", default=[])
    arguments = parser.parse_args()
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        if arguments.log is None:
            cases = drawn(folder, arguments.only, arguments.rows, arguments.seed)
        else:
            cases = iter([given(folder, arguments.log, arguments.label, tuple(arguments.positive))])
        for case in cases:
            print(f"| {' | '.join(measured(case, bare=arguments.bare))} |", flush=True)


def drawn(folder: Path, names: list[str], rows: int, seed: int) -> Iterator[Case]:
    """Generated logs, one after the other."""
    for name in names:
        place = list(WORLDS).index(name)
        frame = WORLDS[name](np.random.default_rng([seed, place]), rows + JUDGED)
        yield _cut(folder, name, frame, rows, frame.columns[-1])


def given(folder: Path, log: Path, label: str, positive: tuple[str, ...]) -> Case:
    """A log of the reader's own."""
    frame = pl.read_csv(log, separator=separator_of(log), infer_schema=False)
    return _cut(folder, log.stem, frame, len(frame) * 4 // 5, label, positive)


def _cut(
    folder: Path, name: str, frame: pl.DataFrame, rows: int, label: str, positive: tuple[str, ...] = ()
) -> Case:
    part = folder / name.replace(" ", "-")
    part.mkdir()
    seen, judged = part / "seen.csv", part / "judged.csv"
    frame[:rows].write_csv(seen)
    frame[rows:].write_csv(judged)
    return Case(name, seen, judged, label, positive)


def measured(case: Case, *, bare: bool = False) -> tuple[str, ...]:
    """A line of the table: log losses on the judged rows, ECE of ours, seconds of init, training and export."""
    started = time.monotonic()
    task = written(case)
    if bare:
        task = task.model_copy(update={"model": ModelConfig(), "training": TrainingConfig()})
    ours = probabilities(task, case, "ours")
    seconds = time.monotonic() - started
    alone = task.model_copy(update={"model": LINEAR, "training": task.for_baseline()})
    logistic = probabilities(alone, case, "logistic")
    clicked = judged_clicks(task, case)
    rows = _texts(case.seen)
    rate = float(read_labels(rows[task.data.label].to_list(), task.data.positive)[0].mean())
    trees = min(log_loss(clicked, answers) for answers in boosted(task, case))
    losses = [np.full(len(clicked), rate), logistic]
    return (
        case.name,
        f"{len(rows):,}",
        f"{rate:.2%}",
        *(f"{log_loss(clicked, answers):.4f}" for answers in losses),
        f"{trees:.4f}",
        f"{log_loss(clicked, ours):.4f}",
        f"{ece(clicked, ours) or 0.0:.4f}",
        f"{ece_by_chance(ours) or 0.0:.4f}",
        f"{ece(clicked, moved_to_rate(ours, float(clicked.mean()))) or 0.0:.4f}",
        f"{seconds:.0f}",
    )


def written(case: Case) -> TaskConfig:
    """What `axon init` writes for the log."""
    task_file = case.seen.with_name("axon.yaml")
    write_task(
        Question(case.seen, case.label, case.positive),
        task_file,
        name="unknown",
        force=True,
        progress=Silent(),
    )
    return load_config(task_file)


def judged_clicks(task: TaskConfig, case: Case) -> NDArray[np.int8]:
    """Labels of the judged rows, shape ``(n,)``."""
    return read_labels(_texts(case.judged)[task.data.label].to_list(), task.data.positive)[0]


def moved_to_rate(probabilities: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Probabilities ``(n,)`` whose logits are all moved by the number that makes their mean the rate."""
    if rate in (0.0, 1.0):
        return np.full_like(probabilities, rate)
    logits = logit(probabilities)
    moved = brentq(lambda by: float(expit(logits + by).mean()) - rate, -20.0, 20.0)
    return np.asarray(expit(logits + moved))


def probabilities(task: TaskConfig, case: Case, name: str) -> NDArray[np.float64]:
    """What a fresh version says of the judged rows, shape ``(n,)``, whether the gate opens or not."""
    folder = case.seen.parent
    registry = LocalRegistry(folder / f"models-{name}")
    places = Places(folder, folder / f"runs-{name}", registry)
    open_gate = task.model_copy(update={"gate": task.gate.model_copy(update={"beat": ()})})
    train(open_gate, places, now=datetime.now(UTC), progress=Silent())
    scored = folder / f"{name}.parquet"
    with Quarantine(None, 0.0) as quarantine:
        score_file(
            task,
            Scorer.open(task, registry.resolve(ModelRef.parse(task.name)), stream=False),
            folder,
            source=case.judged,
            target=scored,
            quarantine=quarantine,
            progress=Silent(),
        )
    return pl.read_parquet(scored)["probability"].cast(pl.Float64).to_numpy()


def boosted(task: TaskConfig, case: Case) -> Iterator[NDArray[np.float64]]:
    """LightGBM's defaults, 100 trees, with texts as categories and with everything as a number."""
    import lightgbm

    seen, judged = _texts(case.seen), _texts(case.judged)
    rows = pl.concat([seen, judged]).drop(task.data.label)
    clicked = read_labels(seen[task.data.label].to_list(), task.data.positive)[0]
    numeric = {
        feature.column for _, feature in task.features.by_side() if isinstance(feature, Numeric | Buckets)
    }
    for with_categories in (True, False):
        names = [name for name in rows.columns if with_categories and name not in numeric]
        inputs = np.stack([_numbers(rows[name], as_category=name in names) for name in rows.columns], axis=1)
        places = [rows.columns.index(name) for name in names]
        data = lightgbm.Dataset(inputs[: len(seen)], clicked, categorical_feature=places)
        trees = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 100)
        yield np.asarray(trees.predict(inputs[len(seen) :]), np.float64)


def _numbers(column: pl.Series, *, as_category: bool) -> NDArray[np.float64]:
    numbers = column.cast(pl.Float64, strict=False)
    if as_category or numbers.null_count() > len(column) / 2:
        return column.cast(pl.Categorical).to_physical().cast(pl.Float64).to_numpy()
    return numbers.to_numpy()


def _texts(path: Path) -> pl.DataFrame:
    frame = pl.read_csv(path, infer_schema=False)
    return frame.rename({name: name.strip() for name in frame.columns})


if __name__ == "__main__":
    main()
