"""Labelled rows as history counts them: what a journal says of impressions comes in, impressions and outcomes go out.

`training.remembering.remembering` records them. Values are read by `features.raw` and keyed by `training.replay.past`, as those of
a log are: a key has the same text in training and here.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from features.raw import read_column
from features.spec import FeatureSpec
from history import Impressions, Outcomes, has_moment
from training.join.labelling import TIME, Labelled
from training.log.columns import to_series
from training.replay.past import impressions_of


def outcomes_of(
    spec: FeatureSpec, rows: Sequence[Labelled], label: str, *, delay_ms: int
) -> tuple[Impressions, Outcomes, int]:
    """What became of impressions.

    Args:
        spec: Says what the keys are.
        rows: In the order in which they were shown.
        label: The column of the label.
        delay_ms: So long after an impression was shown its outcome is known.

    Returns:
        The impressions, their outcomes, and how many were left out because a key or the time cannot be read.
    """
    columns: list[pl.Series] = []
    unreadable: set[int] = set()
    for raw in spec.key_inputs():
        # A column that a row lacks is missing there, as in a log of JSON lines.
        values, problems = read_column(raw, [one.row.get(raw.column) for one in rows], text=False)
        columns.append(to_series(raw, values))
        unreadable.update(problem.row for problem in problems)
    time_ms = np.array([one.row[TIME] for one in rows], np.int64)
    unreadable.update(np.flatnonzero(~has_moment(time_ms)).tolist())
    readable = np.ones(len(rows), bool)
    readable[list(unreadable)] = False
    places = np.flatnonzero(readable)
    visible_ms = np.array([one.shown_ms + delay_ms for one in rows], np.int64)
    clicked = np.array([one.row[label] for one in rows], np.int8)
    outcomes = Outcomes(places, time_ms[places], visible_ms[places], clicked[places])
    return impressions_of(spec, pl.DataFrame(columns)), outcomes, len(unreadable)
