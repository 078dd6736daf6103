"""Labels of the targets beside the first: a chunk's cells come in, 0 and 1 go out to the log reader."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.config import DataConfig, TargetConfig
from training.log.columns import RowsReader
from training.log.labels import label_key, read_labels


def read_outcomes(
    rows: RowsReader, data: DataConfig, targets: Sequence[TargetConfig], clicked: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Read what became of each impression beside the first target.

    A row is refused where a label is neither 0 nor 1, is missing, or says that something happened without what must
    come before it. Only where a target comes after another may the label be missing: many logs write a purchase down
    for clicks alone, so nothing means 0 there.

    Args:
        rows: The chunk; refused rows are noted in it.
        data: Names the first target.
        targets: The others.
        clicked: Labels of the first target, shape ``(n,)``.

    Returns:
        0 or 1, shape ``(n, len(targets))``.
    """
    found = {data.target: clicked}
    for target in targets:
        values = rows.values(target.label)
        outcome, reasons = read_labels(values, target.positive)
        if target.after is not None:
            reasons = {
                place: reason for place, reason in reasons.items() if label_key(values[place]) is not None
            }
            alone = np.flatnonzero(outcome > found[target.after]).tolist()
            reasons |= dict.fromkeys(
                alone, f"expected none without {target.after!r} (targets.after), got one"
            )
        for place, reason in reasons.items():
            rows.refuse(place, f"column {target.label!r} ({target.name}): {reason}")
        found[target.name] = outcome
    return np.stack([found[target.name] for target in targets], axis=1)
