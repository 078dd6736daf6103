"""What it costs that a click is known late: examples/kuairand/history.yaml with longer and longer ``history.delay``.

Trained before 05-02, chosen on 05-02, judged on 05-03 and 05-04; two seeds, means and spreads.

    python -m benchmarks.delays [--data-root DIR]
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.quality.contest import contest
from benchmarks.quality.contestants import OURS
from benchmarks.quality.kuairand import INNER, encoded, example_task
from benchmarks.quality.tables import Row, Table

DELAYS = ("0s", "10s", "1m", "10m", "1h", "1d")
SEEDS = (1, 2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-root", type=Path, default=None, help="directory with kuairand/; the example's own by default"
    )
    root = parser.parse_args().data_root
    with tempfile.TemporaryDirectory() as work:
        rows = tuple(_row(delay, Path(work) / delay, root) for delay in DELAYS)
    print(Table(title=f"KuaiRand with history: {INNER.title}", rows=rows).markdown())


def _row(delay: str, work: Path, root: Path | None) -> Row:
    task = example_task("history", INNER)
    task = task.model_copy(update={"history": task.history.model_copy(update={"delay": delay})})
    row = contest(encoded(task, INNER, work, root), [OURS], SEEDS)[0]
    return row.model_copy(update={"name": delay})


if __name__ == "__main__":
    main()
