"""What becomes of a column: some features and the reason, or none and the reason.

`training.init.kinds` makes choices; `training.init.plan` gathers and `training.init.document` writes them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
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


def with_own_names(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """The same choices, no feature of which has the name of another, such as that of a column ``price_bucket`` beside ``price``."""
    taken = {choice.column for choice in choices}
    apart: list[Choice] = []
    for choice in choices:
        entries: list[dict[str, Any]] = []
        for entry in choice.features:
            own = entry["name"] == choice.column
            name = choice.column if own else unused(entry["name"], taken)
            taken.add(name)
            entries.append(entry | {"name": name})
        apart.append(replace(choice, features=tuple(entries)))
    return tuple(apart)


def unused(name: str, taken: Collection[str], ends: Sequence[str] = ("",)) -> str:
    """The name, or one that begins with it, that is not taken with any of these ends."""
    fresh, attempt = name, 2
    while any(f"{fresh}{end}" in taken for end in ends):
        fresh, attempt = f"{name}_{attempt}", attempt + 1
    return fresh
