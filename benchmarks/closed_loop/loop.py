"""The loop: a plan comes in, rounds of rank, click, feedback, join, retrain and swap go by, their figures go out to the report.

``python -m benchmarks.closed_loop`` and tests/e2e/test_closed_loop.py run it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.closed_loop.plan import LoopPlan
from benchmarks.closed_loop.shop import Shop
from benchmarks.closed_loop.system import NAME, Client, Retrained, System
from benchmarks.closed_loop.traffic import Traffic
from training.config import load_config
from training.log.split import cuts_of
from training.metrics import log_loss

SABOTAGED = "phone"
"""The device whose labels are shuffled for the challenger that must be refused."""

FIRST = 1
"""The version that is frozen."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What the impressions of a round showed; the log losses are of the same impressions and clicks.

    Attributes:
        version: That served them.
        impressions: How many.
        click_rate: Of them.
        served: Log loss of the version that served, asked again with the position that each item got.
        frozen: The same of version 1.
        truth: The same of the true probabilities.
    """

    version: int
    impressions: int
    click_rate: float
    served: float
    frozen: float
    truth: float

    @property
    def served_above_truth(self) -> float:
        """As a share of the truth's log loss."""
        return self.served / self.truth - 1

    @property
    def frozen_above_truth(self) -> float:
        """Likewise."""
        return self.frozen / self.truth - 1


@dataclass(frozen=True)
class Course:
    """All rounds: what each showed, how its retraining ended, and what the gate said to the sabotaged challenger.

    ``gates`` is one shorter than ``rounds`` where the plan does not retrain after the last.
    """

    rounds: tuple[Measured, ...]
    gates: tuple[Retrained, ...]
    sabotaged: Retrained


def run(plan: LoopPlan, directory: Path, say: Say) -> Course:
    """Go through all rounds, with real processes.

    Args:
        plan: How.
        directory: Does not exist yet; everything is written there.
        say: Told about every step.
    """
    shop = Shop(plan)
    system = System(directory, shop)
    system.train()
    say("version 1 is published and served")
    rounds: list[Measured] = []
    gates: list[Retrained] = []
    with system.served(f"{NAME}@champion") as live, system.served(f"{NAME}:{FIRST}") as frozen:
        loop = _Loop(shop, system, live, frozen)
        for number in range(1, plan.rounds + 1):
            rounds.append(loop.live_through(number))
            say(f"round {number}: {_told(rounds[-1])}")
            loop.join(number)
            if number < plan.rounds or plan.retrains_last:
                gates.append(loop.retrain())
                say(f"round {number}: {_verdict(gates[-1])}")
        sabotaged = loop.sabotage()
        say(f"sabotaged: {_verdict(sabotaged)}")
    return Course(tuple(rounds), tuple(gates), sabotaged)


class _Loop:
    """One step of the loop after the other, on running services."""

    def __init__(self, shop: Shop, system: System, live: Client, frozen: Client) -> None:
        self._shop, self._plan, self._system = shop, shop.plan, system
        self._live, self._frozen = live, frozen
        self._traffic = Traffic(shop)

    def live_through(self, number: int) -> Measured:
        """Rank, show, click and tell; then ask both versions about what was shown."""
        first, end = self._plan.days_of(number)
        visits = self._shop.visits(first, end)
        answered = self._traffic.rank(visits, self._live)
        reaction = self._shop.react(visits.pages(answered.shown), first)
        self._traffic.tell(answered.decisions, reaction, self._shop.day_ms(end), self._live)
        clicked = reaction.clicked
        served = log_loss(clicked, self._traffic.score(reaction.shown, self._live))
        # The first round is served by the frozen version itself.
        frozen = served
        if answered.version != FIRST:
            frozen = log_loss(clicked, self._traffic.score(reaction.shown, self._frozen))
        measured = Measured(
            version=answered.version,
            impressions=len(clicked),
            click_rate=float(clicked.mean()),
            served=served,
            frozen=frozen,
            truth=log_loss(clicked, reaction.truth),
        )
        for client in (self._live, self._frozen):
            client.close()
        return measured

    def join(self, number: int) -> None:
        """Make the log of what has settled by the end of a round."""
        first, (_, end) = self._plan.learns_from(number), self._plan.days_of(number)
        self._system.join(self._shop.day_ms(first), self._shop.day_ms(end), self._plan.window)
        if first > 0:
            self._system.forget_first_log()

    def retrain(self) -> Retrained:
        """Train on that log; return once the service has swapped, if there is something to swap to."""
        retrained = self._system.retrain()
        if retrained.version is not None:
            self._live.wait_for(retrained.version)
        return retrained

    def sabotage(self) -> Retrained:
        """Retrain once on a log in which one segment's labels are shuffled, all but those that judge."""
        log = pl.read_parquet(self._system.log)
        cuts = cuts_of(load_config(self._system.task).split, log["time_ms"].to_numpy(), dated=True)
        learned = cuts.slices(log["time_ms"].to_numpy()) != cuts.held_out
        rows = np.flatnonzero((log["device"] == SABOTAGED).to_numpy() & learned)
        clicked = log["clicked"].to_numpy().copy()
        clicked[rows] = np.random.default_rng(self._plan.seed).permutation(clicked[rows])
        log.with_columns(clicked=pl.Series(clicked)).write_parquet(self._system.log)
        try:
            return self._system.retrain()
        finally:
            log.write_parquet(self._system.log)


def _told(measured: Measured) -> str:
    return (
        f"version {measured.version}, {measured.impressions:,} impressions, {measured.click_rate:.1%} clicked; log loss "
        f"{measured.served_above_truth:+.1%} of the truth's, frozen {measured.frozen_above_truth:+.1%}"
    )


def _verdict(retrained: Retrained) -> str:
    return (
        f"published {retrained.version}" if retrained.version else f"refused: {'; '.join(retrained.reasons)}"
    )
