"""Bank marketing in the order of time, without `duration`: the file that `axon init` writes, as it is, against the peers."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.quality.contest import ahead, contest
from benchmarks.quality.contestants import LIGHTGBM, LOGISTIC, OURS, PRIOR, Contestant
from benchmarks.quality.encoded import encode_log
from benchmarks.quality.tables import Table
from benchmarks.quality.tuned_trees import LIGHTGBM_TUNED
from training.config import load_config
from training.init import Question, write_task
from training.progress import Silent

DATA = Path(__file__).parents[3] / "shared" / "data" / "bank_marketing"
FILE = "bank-additional-full.csv"
LABEL = "y"
AFTERWARDS = "duration"
"""Known only when the call is over: it tells the label."""


def table(work: Path, seeds: Sequence[int], peers: Sequence[Contestant], *, data: Path, quick: bool) -> Table:
    """Everybody on the last tenth of the calls; all are stopped and calibrated on the tenth before it."""
    work.mkdir()
    calls = pl.read_csv(data / FILE, separator=";", infer_schema=False).drop(AFTERWARDS)
    calls.write_csv(work / "bank.csv")
    question = Question(work / "bank.csv", LABEL, (), None, None, len(calls))
    write_task(question, work / "axon.yaml", name=None, force=False, progress=Silent())
    log = encode_log(load_config(work / "axon.yaml"), work, work / "encoded")
    rows = contest(
        log,
        [OURS, LIGHTGBM, LIGHTGBM_TUNED]
        if quick
        else [PRIOR, LOGISTIC, LIGHTGBM, LIGHTGBM_TUNED, *peers, OURS],
        seeds,
    )
    facts = {part: log.slices.facts[part].clicked.mean() for part in log.slices.facts}
    rates = ", ".join(f"{part.name.lower()} {rate:.1%}" for part, rate in facts.items())
    return Table(
        title="Bank marketing in the order of time, without duration, by the file of axon init",
        note=f"Of the calls, this share said yes: {rates}. {ahead(rows)}",
        rows=tuple(rows),
    )
