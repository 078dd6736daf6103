"""Whether a model may be published: a report and a policy come in, the reasons against it go out."""

from training.config import GateConfig
from training.report import Report


def gate_failures(report: Report, policy: GateConfig) -> tuple[str, ...]:
    """Why the model must not go live; empty when it may. Every reason names both numbers."""
    reasons = [
        f"log loss {_shown(report.metrics.log_loss)} is not below {_shown(report.baselines[name].log_loss)} of {name} (gate.beat)"
        for name in policy.beat
        if name in report.baselines and not _below(report.metrics.log_loss, report.baselines[name].log_loss)
    ]
    reasons += _bounds(report, policy)
    return tuple(reasons)


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
        reasons.append(f"ECE {_shown(metrics.ece)} is above {policy.max_ece} (gate.max_ece)")
    ratio, room = metrics.calibration_ratio, policy.max_calibration_error
    if room is not None and ratio is not None and abs(ratio - 1) > room:
        reasons.append(
            f"predicted over observed clicks is {ratio:.3f}, further than {room} from 1 (gate.max_calibration_error)"
        )
    return reasons


def _below(low: float | None, high: float | None, *, equal: bool = False) -> bool:
    if low is None or high is None:
        return False
    return low <= high if equal else low < high


def _shown(number: float | None) -> str:
    return "undefined" if number is None else f"{number:.5f}"
