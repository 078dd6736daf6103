"""What becomes of a column: some features and the reason, or none and the reason.

`training.init.kinds` makes choices; `training.init.plan` gathers and `training.init.document` writes them.
"""

from dataclasses import dataclass
from typing import Any

from features.spec import Side


@dataclass(frozen=True)
class Choice:
    """What becomes of one column.

    Attributes:
        column: Its name in the task file.
        kind: For people: "categorical", "numeric + buckets", "label", "left out", ...
        side: Of its features; None where it has none.
        features: Entries of the task file.
        note: Why.
        distinct: Different values in the whole log or table.
        missing: Share of impressions without a value, in [0, 1].
    """

    column: str
    kind: str
    side: Side | None
    features: tuple[dict[str, Any], ...]
    note: str
    distinct: int
    missing: float
