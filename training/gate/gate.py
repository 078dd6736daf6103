"""Whether a model may be published: a report and a policy come in, the reasons against it and what was not asked go out.

`training.pipeline` asks about the report, `training.gate.challenge` about the export and the champion.
"""

from training.config import ChampionGateConfig, GateConfig
from training.export.exported import ExportFacts
from training.gate.duel import Duel, Interval
from training.report.report import Report


def gate_failures(report: Report, policy: GateConfig) -> tuple[str, ...]:
    """Why the model must not go live; empty when it may. Every reason names both numbers."""
    reasons = [
        f"log loss {_shown(report.metrics.log_loss)} is not below {_shown(report.baselines[name].log_loss)} of {name} (gate.beat)"
        for name in policy.beat
        if name in report.baselines and not _below(report.metrics.log_loss, report.baselines[name].log_loss)
    ]
    reasons += _bounds(report, policy)
    return tuple(reasons)


def gate_notes(report: Report, policy: GateConfig) -> tuple[str, ...]:
    """What the policy asks for and nobody could check; it keeps no model from going live."""
    return tuple(
        f"gate.beat names {name}, but no {name} was trained beside this {report.family}: the gate could not compare them."
        for name in policy.beat
        if name not in report.baselines
    )


def _bounds(report: Report, policy: GateConfig) -> list[str]:
    metrics = report.metrics
    reasons = []
    if policy.min_auc is not None and not _below(policy.min_auc, metrics.auc, equal=True):
        reasons.append(f"AUC {_shown(metrics.auc)} is below {policy.min_auc} (gate.min_auc)")
    if policy.max_log_loss is not None and not _below(metrics.log_loss, policy.max_log_loss, equal=True):
        reasons.append(
            f"log loss {_shown(metrics.log_loss)} is above {policy.max_log_loss} (gate.max_log_loss)"
        )
    if policy.max_ece is not None and not _below(metrics.ece, policy.max_ece, equal=True):
        reasons.append(
            f"ECE {_shown(metrics.ece)} is above {policy.max_ece} (gate.max_ece){_chance(metrics.ece_by_chance, policy.max_ece)}"
        )
    ratio, room = metrics.calibration_ratio, policy.max_calibration_error
    if room is not None and ratio is not None and abs(ratio - 1) > room:
        reasons.append(
            f"predicted over observed clicks is {ratio:.3f}, further than {room} from 1 (gate.max_calibration_error)"
        )
    return reasons


def budget_failures(facts: ExportFacts, policy: GateConfig) -> tuple[str, ...]:
    """Why the export must not go live: too large, too slow, or without an answer."""
    reasons = list(facts.unanswered)
    if policy.max_megabytes is not None and facts.megabytes > policy.max_megabytes:
        reasons.append(
            f"the export has {facts.megabytes:.1f} MB, more than {policy.max_megabytes} (gate.max_megabytes)"
        )
    if policy.max_latency_ms is not None and facts.latency_ms > policy.max_latency_ms:
        reasons.append(
            f"100 impressions take {facts.latency_ms:.2f} ms, more than {policy.max_latency_ms} (gate.max_latency_ms)"
        )
    return tuple(reasons)


def champion_failures(duel: Duel, policy: ChampionGateConfig) -> tuple[str, ...]:
    """Why the challenger must not take the champion's place; every reason names both figures.

    The whole slice has to show that no more than the margin is lost: the far end of its interval counts. A segment has
    fewer impressions and there are many of them: it speaks against the challenger where even the near end is a loss.
    """
    champion, challenger = f"of version {duel.version}", duel.challenger
    reasons = []
    margin, lost = policy.max_log_loss_increase, duel.log_loss_increase
    if margin is not None and lost.high > margin:
        reasons.append(
            f"log loss {_shown(challenger.log_loss)} against {_shown(duel.champion.log_loss)} {champion}: "
            f"{_share(lost)} more, allowed is {margin:.2%} (gate.champion.max_log_loss_increase){_doubt(lost, margin)}"
        )
    margin, drop = policy.max_gauc_drop, duel.gauc_drop
    if margin is not None and drop is not None and drop.high > margin:
        reasons.append(
            f"GAUC {_shown(challenger.gauc)} against {_shown(duel.champion.gauc)} {champion}: {drop.estimate:.4f} less "
            f"({drop.low:.4f} to {drop.high:.4f}), allowed is {margin:.4f} (gate.champion.max_gauc_drop){_doubt(drop, margin)}"
        )
    margin = policy.max_segment_increase
    reasons += [
        f"segment {segment.column} = {segment.value or 'missing'}: log loss {segment.challenger_log_loss:.5f} against "
        f"{segment.champion_log_loss:.5f} {champion}: {_share(segment.increase)} more, allowed is {margin:.2%} "
        "(gate.champion.max_segment_increase)"
        for segment in duel.segments
        if margin is not None and segment.increase.low > margin
    ]
    return tuple(reasons)


def _share(interval: Interval) -> str:
    return f"{interval.estimate:.2%} ({interval.low:.2%} to {interval.high:.2%})"


def _doubt(interval: Interval, margin: float) -> str:
    """What to do where the figure itself would do, and only chance speaks against it."""
    if interval.estimate > margin:
        return ""
    return "; the slice is too small to be sure: judge on a longer one, or allow more"


def _chance(by_chance: float | None, allowed: float) -> str:
    """What to do where a slice is so small that an exact model would hardly pass."""
    if by_chance is None or by_chance < allowed / 2:
        return ""
    return f"; chance alone gives {_shown(by_chance)} on a slice of this size: judge on a longer one, or allow more"


def _below(low: float | None, high: float | None, *, equal: bool = False) -> bool:
    if low is None or high is None:
        return False
    return low <= high if equal else low < high


def _shown(number: float | None) -> str:
    return "undefined" if number is None else f"{number:.5f}"
