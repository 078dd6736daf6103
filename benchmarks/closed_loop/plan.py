"""How a closed loop runs: its size, its clock and how fast tastes turn; `benchmarks.closed_loop.loop` follows it."""

from datetime import date

from pydantic import Field

from features.document import Document
from simulator import World, WorldConfig, build_world

DAY_MS = 86_400_000


class LoopPlan(Document):
    """Simulated days: a log that the first model learns from, perhaps a pause, then rounds without one between them.

    The defaults are the benchmark; a test runs the same code in fewer and longer steps.
    """

    seed: int = Field(default=2026, ge=0, description="of the world, of its clicks and of every training")
    users: int = Field(default=1_000, ge=10)
    items: int = Field(default=300, ge=50)
    drift: float = Field(default=0.5, gt=0, description="how far tastes turn per week, in radians")
    visits_per_day: int = Field(default=3_000, ge=1, description="questions to rank, one for each page")
    first_days: int = Field(default=4, ge=1, description="length of the log before the first model")
    pause_days: int = Field(
        default=0, ge=0, description="between that log and the first round: tastes turn, nobody learns"
    )
    round_days: int = Field(default=2, ge=1)
    rounds: int = Field(default=10, ge=1)
    candidates: int = Field(default=30, ge=2, description="of a question to rank")
    shown: int = Field(default=10, ge=1, description="the best of them, on the page")
    explored: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="share of pages whose items are drawn, as in the first log, and only put in order by the model",
    )
    remembered: int = Field(default=3, ge=1, description="rounds that a retraining learns from")
    longest_delay_ms: int = Field(
        default=20 * 60_000, gt=0, description="a click comes so long after its impression, at most"
    )
    window: str = Field(default="30m", description="attribution window of `axon join`")
    retrains_last: bool = Field(
        default=True, description="whether the last round ends with a retraining, too"
    )

    def world(self) -> World:
        """The shop; a page of its exposure has the candidates of one visit."""
        days = self.first_days + self.pause_days + self.rounds * self.round_days
        return build_world(
            WorldConfig(
                seed=self.seed,
                users=self.users,
                items=self.items,
                start=date(2025, 1, 6),
                days=days,
                positions=self.candidates,
                impressions=days * self.visits_per_day * self.candidates,
                drift=self.drift,
            )
        )

    def days_of(self, number: int) -> tuple[int, int]:
        """The first day of a round, counted from 1, and the first one after it."""
        begin = self.first_days + self.pause_days + (number - 1) * self.round_days
        return begin, begin + self.round_days

    def learns_from(self, number: int) -> int:
        """The first day of what a retraining at the end of a round learns from."""
        if number < self.remembered and not self.pause_days:
            return 0
        return self.days_of(max(1, number - self.remembered + 1))[0]
