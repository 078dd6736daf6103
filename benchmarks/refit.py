"""What it gives that a network learns from the held-out days, too: examples/kuairand with and without ``training.refit``.

Trained before 05-03, chosen on 05-03 and 05-04; what is published then scores 05-05 and 05-06 from a file of their own, with
``--stream`` where the example follows the stream. Three seeds, means and spreads.

    python -m benchmarks.refit [--only axon history ensemble] [--seeds 1 2 3] [--data-root DIR]
"""

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import polars as pl

from benchmarks.quality.kuairand import EXAMPLES, Cut, example_task
from benchmarks.quality.tables import Row, Table
from features.moments import epoch_ms
from registry.local import LocalRegistry
from registry.reference import ModelRef
from training.config import SplitConfig, TaskConfig, data_root
from training.log.quarantine import Quarantine
from training.metrics import all_metrics
from training.pipeline import Places, train
from training.progress import Silent
from training.scoring.scoring import Scorer, score_file

TIMES = "2022-05-{:02}T00:00:00+08:00"
CHOSEN_FROM, JUDGED_FROM, JUDGED_UNTIL = (datetime.fromisoformat(TIMES.format(day)) for day in (3, 5, 7))
CUT = Cut(
    "trained before 05-03, chosen on 05-03 and 05-04, judged on 05-05 and 05-06",
    SplitConfig(validation_from=CHOSEN_FROM, test_from=None),
    until=JUDGED_FROM,
)
STREAMS = {"axon": False, "history": True, "ensemble": True}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(STREAMS), default=list(STREAMS))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument(
        "--data-root", type=Path, default=None, help="directory with kuairand/; the example's own by default"
    )
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        data = _two_logs(
            Path(directory), data_root(example_task("axon", CUT), EXAMPLES / "axon.yaml", asked.data_root)
        )
        for name in asked.only:
            for refit in (False, True):
                figures = [
                    _figures(_task(name, seed, refit=refit), data, stream=STREAMS[name])
                    for seed in asked.seeds
                ]
                rows.append(Row.of(f"{name}.yaml, refit: {str(refit).lower()}", figures))
                print(
                    rows[-1].name,
                    {column: spread.text() for column, spread in rows[-1].figures.items()},
                    flush=True,
                )
    print(Table(title=f"KuaiRand: {CUT.title}", rows=tuple(rows)).markdown())


def _two_logs(work: Path, source: Path) -> Path:
    """The log cut in two, beside its tables."""
    for table in source.iterdir():
        if table.name != "impressions.csv":
            (work / table.name).symlink_to(table)
    log = pl.read_csv(source / "impressions.csv", infer_schema=False)
    cuts = [pl.lit(epoch_ms(cut)) for cut in (JUDGED_FROM, JUDGED_UNTIL)]
    time_ms = pl.col("time_ms").cast(pl.Int64)
    log.filter(time_ms < cuts[0]).write_csv(work / "impressions.csv")
    log.filter((time_ms >= cuts[0]) & (time_ms < cuts[1])).write_csv(work / "later.csv")
    return work


def _task(name: str, seed: int, *, refit: bool) -> TaskConfig:
    task = example_task(name, CUT).with_seed(seed)
    gate = task.gate.model_copy(update={"beat": ()})
    training = task.training.model_copy(update={"refit": refit})
    return task.model_copy(update={"gate": gate, "training": training})


def _figures(task: TaskConfig, data: Path, *, stream: bool) -> dict[str, float | None]:
    """How a version trained on the earlier log answers for the later one."""
    with tempfile.TemporaryDirectory(dir=data) as directory:
        work = Path(directory)
        registry = LocalRegistry(work / "models")
        train(task, Places(data, work / "runs", registry), now=datetime.now(UTC), progress=Silent())
        version, scored = registry.resolve(ModelRef(name=task.name)), work / "scored.parquet"
        with Quarantine(None, 0.0) as quarantine:
            score_file(
                task,
                Scorer.open(task, version, stream=stream),
                data,
                source=data / "later.csv",
                target=scored,
                quarantine=quarantine,
                progress=Silent(),
            )
        rows = pl.read_parquet(scored)
    found = all_metrics(
        rows["is_click"].cast(pl.Int8).to_numpy(),
        rows["probability"].cast(pl.Float64).to_numpy(),
        rows["user_id"].cast(pl.String).to_numpy(),
    )
    return {"AUC": found.auc, "GAUC": found.gauc, "log loss": found.log_loss, "ECE": found.ece}


if __name__ == "__main__":
    main()
