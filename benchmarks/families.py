"""Which family `axon init` should write: each in turn in the place of the one it does, on the logs of `unknown_logs`.

Prints the log loss of every family on the later rows, the best marked, and at the end how often each was the best and
how far above the best it was on average. Everything else of the task file stays as it was written.

    python -m benchmarks.families [--rows 20000] [--seed 5] [--only census ...]
"""

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import mean

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.unknown_logs import Case, drawn, judged_clicks, probabilities, written
from benchmarks.unknown_worlds import WORLDS
from training.metrics import log_loss
from training.models import FAMILIES

DEEP = [name for name, family in FAMILIES.items() if family.embeds]


def main() -> None:
    """Print one line per log, and two about all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="of every log that init and train see")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    arguments = parser.parse_args()
    print(f"| log | {' | '.join(DEEP)} |\n|{'---|' * (len(DEEP) + 1)}")
    above_best: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for case in drawn(Path(folder), arguments.only, arguments.rows, arguments.seed):
            losses = losses_of(case)
            best = min(losses.values())
            for family, loss in losses.items():
                above_best[family].append(loss - best)
            cells = [f"**{loss:.4f}**" if loss == best else f"{loss:.4f}" for loss in losses.values()]
            print(f"| {case.name} | {' | '.join(cells)} |", flush=True)
    print(f"| best | {' | '.join(str(above_best[family].count(0.0)) for family in DEEP)} |")
    print(f"| above the best, mean | {' | '.join(f'{mean(above_best[family]):.4f}' for family in DEEP)} |")


def losses_of(case: Case) -> dict[str, float]:
    """The log loss of every family on the judged rows."""
    task = written(case)
    clicked = judged_clicks(task, case)
    losses = {}
    for family in DEEP:
        other = task.model_copy(update={"model": task.model.model_copy(update={"family": family})})
        losses[family] = log_loss(clicked, probabilities(other, case, family))
    return losses


if __name__ == "__main__":
    main()
