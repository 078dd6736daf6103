"""What it costs to look at what happened before: ``python -m benchmarks.past [--data-root DIR]``, half a minute.

The features of ``examples/kuairand/history.yaml`` after KuaiRand's impressions up to 2022-05-06, asked as the service asks: the
snapshot of a version beside a store in memory on the general path, in turn, each answer compared.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.coded_texts import CodedTexts
from features.spec import FeatureSpec, Side
from history import History
from history.packed.pack import pack
from history.packed.packed import PackedHistory
from service.past.sources import Key, Live, Snapshot, Source
from training.config import data_root, load_config
from training.log.split import cuts_of
from training.progress import Silent
from training.replay.replay import replay_log
from training.retraining.gather import Gathering, gathered
from training.run import RunDirectory

CONFIG = Path("examples/kuairand/history.yaml")
ROUNDS = 30

Told = Mapping[str, Any]


def main() -> None:
    """Print milliseconds by question, their ratio, and what the snapshot weighs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, default=None)
    root = data_root(load_config(CONFIG), CONFIG, parser.parse_args().data_root)
    with tempfile.TemporaryDirectory() as made:
        spec, frame, history, end_ms = replayed(root, Path(made))
        packed = Path(made) / "packed"
        pack(history.features, history.store, packed)
        began = time.perf_counter()
        snapshot = Snapshot(PackedHistory.open(packed, spec.history))
        figures: dict[str, Any] = {
            "impressions": len(frame),
            "snapshot_mb": round(sum(file.stat().st_size for file in packed.iterdir()) / 1e6),
            "opened_in_ms": round((time.perf_counter() - began) * 1000),
        }
        sources: dict[str, Source] = {"snapshot": snapshot, "store in memory": Live(spec, history.store)}
        for question, size, user in (
            ("1,000 candidates of one user, by a catalog", 1_000, True),
            ("100 candidates of one user, by a catalog", 100, True),
            ("30 rows of 30 users", 30, False),
        ):
            figures[question] = timed(
                {
                    name: asked(source, spec, frame, end_ms, size, one_user=user)
                    for name, source in sources.items()
                }
            )
    print(json.dumps(figures, indent=1))


def replayed(root: Path, directory: Path) -> tuple[FeatureSpec, pl.DataFrame, History, int]:
    """The features, the log's key columns, the history after it, and when it ends."""
    config = load_config(CONFIG)
    run = RunDirectory.create(directory / "runs", config.name, now=datetime.now(UTC))
    log = gathered(config, Gathering(root, run, config.features.log_inputs(), None, None), Silent())
    keys = [raw.column for raw in config.features.key_inputs()]
    frame = pl.concat([chunk.raw.select(keys) for chunk in log.chunks()])
    cuts = cuts_of(config.split, log.time_ms, dated=log.dated)
    _, counted = replay_log(
        config.features, config.history, log, cuts, seed=1, work_dir=run.work, progress=Silent()
    )
    return config.features, frame, counted.history, int(log.time_ms.max())


def asked(  # each is one thing that a question needs
    source: Source, spec: FeatureSpec, frame: pl.DataFrame, at_ms: int, size: int, *, one_user: bool
) -> Callable[[], Told]:
    """A question about the log's last rows; what a catalog keeps of items is made before."""
    rows = frame.tail(size)
    features = [feature.name for feature in spec.history]
    at = np.array([at_ms]) if one_user else np.full(size, at_ms)
    values = {raw: rows[raw.column].to_list() for raw in spec.key_inputs()}
    kept = {raw: source.key(raw, found) for raw, found in values.items() if raw.side is Side.ITEM}

    def ask() -> Told:
        keys: dict[str, Key] = {}
        for raw, found in values.items():
            if not one_user:
                keys[raw.column] = source.key(raw, found)
            elif raw in kept:
                keys[raw.column] = kept[raw]
            else:
                keys[raw.column] = source.key(raw, found[-1:]).repeated(size)
        return source.ask(keys, at, features)

    return ask


def timed(questions: Mapping[str, Callable[[], Told]]) -> dict[str, float]:
    """Median milliseconds of each, asked in turn, and how many times as long the last one takes as the first.

    Raises:
        AssertionError: If they do not tell the same.
    """
    first, last = (question() for question in questions.values())
    for column, array in first.items():
        if isinstance(array, CodedTexts):
            assert texts(array) == texts(last[column]), column  # noqa: S101
        else:
            np.testing.assert_array_equal(array, last[column], err_msg=column)
    took_ms: dict[str, list[float]] = {name: [] for name in questions}
    for _ in range(ROUNDS):
        for name, question in questions.items():
            began = time.perf_counter()
            question()
            took_ms[name].append((time.perf_counter() - began) * 1000)
    medians = [statistics.median(times) for times in took_ms.values()]
    return {name: round(median, 2) for name, median in zip(took_ms, medians, strict=True)} | {
        "ratio": round(medians[-1] / medians[0], 1)
    }


def texts(array: NDArray[Any] | CodedTexts) -> list[list[str]]:
    """Lists of texts without their padding."""
    whole = array.texts() if isinstance(array, CodedTexts) else array
    return [[text for text in row if text] for row in whole.tolist()]


if __name__ == "__main__":
    main()
