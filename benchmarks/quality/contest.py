"""Everybody on one encoded log: contestants and seeds come in, a table with means and spreads goes out."""

import sys
import time
from collections.abc import Sequence

from benchmarks.quality.contestants import OURS, PRIOR, Contestant
from benchmarks.quality.encoded import EncodedLog
from benchmarks.quality.tables import Row


def contest(log: EncodedLog, contestants: Sequence[Contestant], seeds: Sequence[int]) -> list[Row]:
    """Fit each contestant once per seed; how far it is goes to standard error."""
    rows = []
    for contestant in contestants:
        started = time.monotonic()
        own = seeds[:1] if contestant.one_seed else seeds
        figures = [log.figures(contestant.logits(log, seed)) for seed in own]
        seconds = (time.monotonic() - started) / len(own)
        rows.append(Row.of(contestant.name, figures, seconds=round(seconds, 1)))
        print(f"{contestant.name}: {seconds:.0f} s a seed", file=sys.stderr, flush=True)
    return rows


def ahead(rows: Sequence[Row]) -> str:
    """How far our mean log loss is below each other's: a sentence for a table's note."""
    means = {row.name: row.figures["log loss"].mean for row in rows}
    mine = means[OURS.name]
    gaps = [
        f"{name} {theirs - mine:+.4f}"
        for name, theirs in means.items()
        if theirs is not None and mine is not None and name not in (OURS.name, PRIOR.name)
    ]
    return f"Log loss above that of ours: {', '.join(gaps)}."
