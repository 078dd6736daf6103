"""What else is predicted beside the click, and which target can only happen after which."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from features.document import Document

NAME = r"^[a-z][a-z0-9_]{0,31}$"
"""Of a target: its output is ``probability_<name>``."""


def _as_texts(positive: Any) -> Any:
    values = positive if isinstance(positive, list | tuple) else [positive]
    if any(isinstance(value, bool) for value in values):
        raise ValueError(f'expected text in quotes, such as "yes" or "true", got {positive!r}')
    return tuple(str(value) if isinstance(value, int | float) else value for value in values)


Positive = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
"""Values of a label column that mean that it happened; without them only 0 and 1 are labels."""


class TargetConfig(Document):
    """A further target beside that of `data.label`: one head more, with its own calibration, output and report."""

    name: str = Field(pattern=NAME, description="its output is probability_<name>")
    label: str = Field(description="column with 1 where it happened and 0 where not, or see positive")
    positive: Positive = Field(
        default=(), description="values of the label that mean that it happened; every other one means not"
    )
    after: str | None = Field(
        default=None,
        description="target without which it cannot happen, such as click for a purchase: its probability is then that "
        "one's times its own given that one, learned from all impressions (ESMM); an empty label means not",
    )
    weight: float = Field(default=1.0, gt=0, description="of its loss, beside 1 of the first target")


def check_targets(first: str, further: Sequence[TargetConfig]) -> None:
    """Refuse names that are taken, and targets after one that does not stand before them.

    Raises:
        ValueError: Names the target and what was expected.
    """
    known = [first]
    for target in further:
        if target.name in known:
            raise ValueError(
                f"targets: expected names of their own, got {target.name!r} twice; the first target has "
                f"the name in data.target, {first!r}"
            )
        if target.after is not None and target.after not in known:
            raise ValueError(
                f"targets: expected {target.name!r} after one of {known}, which stand before it, got {target.after!r}"
            )
        known.append(target.name)
