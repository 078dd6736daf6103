"""Whether a log is still of the kind that the champion learned from: two profiles and thresholds come in, reasons go out.

`training.retraining.gather` asks before it trains; every reason names the column and both distributions.
"""

from features.profile import DataProfile, Drift, drift
from training.config import ChecksConfig

SHOWN = 3
"""Bins of a histogram that a reason names, those that moved most."""


def drifts(before: DataProfile, now: DataProfile) -> dict[str, Drift]:
    """How far each column has moved that both know as the same kind."""
    return {
        name: drift(before.columns[name], column.all_counts())
        for name, column in now.columns.items()
        if name in before.columns and before.columns[name].kind is column.kind
    }


def check_failures(before: DataProfile, now: DataProfile, checks: ChecksConfig) -> tuple[str, ...]:
    """Why nothing may be trained on this log.

    Args:
        before: What the champion was trained on.
        now: The impressions since then, counted in the same bins.
        checks: The thresholds.
    """
    return (*_schema(before, now, checks), *_volume(before, now, checks), *_moved(before, now, checks))


def _schema(before: DataProfile, now: DataProfile, checks: ChecksConfig) -> list[str]:
    if not checks.same_columns:
        return []
    gone = sorted(before.columns.keys() - now.columns.keys())
    new = sorted(now.columns.keys() - before.columns.keys())
    reasons = [
        f"column {name!r} was {before.columns[name].kind} and is {column.kind} now (checks.same_columns)"
        for name, column in now.columns.items()
        if name in before.columns and before.columns[name].kind is not column.kind
    ]
    if gone or new:
        reasons.append(
            f"the champion learned from other columns: {gone} are read no more, {new} are new (checks.same_columns); "
            "publish the first such version with axon train"
        )
    return reasons


def _volume(before: DataProfile, now: DataProfile, checks: ChecksConfig) -> list[str]:
    reasons = []
    if before.per_day and now.per_day and checks.max_volume_factor is not None:
        factor = now.per_day / before.per_day
        if not 1 / checks.max_volume_factor <= factor <= checks.max_volume_factor:
            reasons.append(
                f"{now.per_day:,.0f} impressions a day, before {before.per_day:,.0f}: more than a factor of "
                f"{checks.max_volume_factor} apart (checks.max_volume_factor)"
            )
    room = checks.max_click_rate_factor
    if room is not None and not before.click_rate / room <= now.click_rate <= before.click_rate * room:
        reasons.append(
            f"{now.click_rate:.3%} of the impressions are clicked, before {before.click_rate:.3%}: more than a factor of "
            f"{room} apart (checks.max_click_rate_factor)"
        )
    return reasons


def _moved(before: DataProfile, now: DataProfile, checks: ChecksConfig) -> list[str]:
    reasons = []
    for name, moved in drifts(before, now).items():
        allowed = checks.psi.get(name, checks.max_psi)
        if allowed is not None and moved.psi > allowed:
            shown = "; ".join(
                f"{part.name}: {part.before:.1%} before, {part.now:.1%} now" for part in moved.moved[:SHOWN]
            )
            key = f"checks.psi.{name}" if name in checks.psi else "checks.max_psi"
            reasons.append(
                f"column {name!r} has drifted: PSI {moved.psi:.3f} is above {allowed} ({key}); {shown}"
            )
    return reasons
