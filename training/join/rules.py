"""Which impressions are labelled, and how: options of ``axon join`` come in, rules that `training.join.joining` asks go out."""

from typing import Literal, Self

from pydantic import Field

from features.document import Document
from training.config import TaskConfig


class JoinRules(Document):
    """The event-time rules; docs/feedback.md gives them in words."""

    window_ms: int = Field(gt=0, description="a click counts for so long after its impression")
    until_ms: int = Field(description="an impression whose window is open at this time is left out")
    since_ms: int = Field(default=0, description="an impression before this time is left out")
    shown: Literal["impressions", "answered"] = Field(
        default="impressions",
        description="what was shown: items with an impression event, or all that were answered",
    )
    positions: int | None = Field(
        default=None, ge=1, description="with `answered`: only so many from the top were shown; None for all"
    )

    model: str | None = Field(default=None, description="only decisions of this model; None for every one's")
    user_column: str = Field(
        default="user_id", description="of the log, where the model names no user column"
    )
    item_column: str = Field(
        default="item_id", description="of the log, where the model names no item column"
    )

    @classmethod
    def of_task(cls, config: TaskConfig, *, window_ms: int, since_ms: int, until_ms: int) -> Self:
        """The rules that a task file states in ``retrain.join``, for decisions of its model."""
        return cls(
            window_ms=window_ms,
            until_ms=until_ms,
            since_ms=since_ms,
            shown=config.retrain.join.shown,
            positions=config.retrain.join.positions,
            model=config.name,
            user_column=config.data.user_column or "user_id",
            item_column=config.data.item_column or "item_id",
        )

    def impression_ms(self, told_ms: int | None, decided_ms: int, position: int) -> int | None:
        """When an answered item was shown; None if it was not, as far as we know.

        Args:
            told_ms: Time of its impression event, if there is one.
            decided_ms: Time of the decision.
            position: Its rank, from 1.
        """
        if self.shown == "impressions":
            return told_ms
        return decided_ms if self.positions is None or position <= self.positions else None

    def is_open(self, impression_ms: int) -> bool:
        """Whether a click could still come that counts."""
        return impression_ms + self.window_ms > self.until_ms

    def counts(self, event_ms: int | None, impression_ms: int) -> bool:
        """Whether something was done, and in time."""
        return event_ms is not None and event_ms <= impression_ms + self.window_ms
