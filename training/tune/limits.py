"""How long a search may take: a number of trials, a time, or both; `training.tune.search` asks before and during trials."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """The end of a search, whichever comes first.

    Attributes:
        trials: Finished trials in the book, those of an earlier run included; None for any number.
        budget_s: Seconds of this run, reading the log and confirming the best included; None for any time.
        started: When the run began, on the clock of `time.monotonic`.
    """

    trials: int | None
    budget_s: float | None
    started: float = field(default_factory=time.monotonic)

    def reached(self, finished: int) -> bool:
        """Whether there are enough trials."""
        return self.trials is not None and finished >= self.trials

    def over(self, reserve_s: float = 0.0) -> bool:
        """Whether the time is used up, but for a reserve."""
        return self.budget_s is not None and time.monotonic() - self.started + reserve_s >= self.budget_s
