"""Figures in plain words: a `Report` comes in, sentences for people who do not read formulas go out.

`training.report.html` puts them at the top of the page.
"""

from typing import NamedTuple

from training.calibration import Beta, Calibration, Isotonic, Linear, PerSegment
from training.metrics import METRICS, SliceMetrics
from training.report.report import Report, figure_text

SIMPLER_MODELS = ("logistic", "prior")
"""The baselines that a headline is compared with."""

_UNDEFINED = {
    "auc": "it needs both clicked and unclicked impressions.",
    "gauc": "no known user has both outcomes.",
    "normalised_entropy": "it needs both clicked and unclicked impressions.",
    "calibration_ratio": "it needs a click.",
}


class Headline(NamedTuple):
    """One figure, what it means for this model, and what it is compared with (may be empty)."""

    label: str
    figure: str
    sentence: str
    compared: str


def headlines(report: Report) -> tuple[Headline, ...]:
    """The report's metrics, one headline each, in the order of the tables."""
    sentences = _sentences(report.metrics) | _lower_loss(report)
    return tuple(
        Headline(
            label=meaning.label,
            figure=figure_text(getattr(report.metrics, name)),
            sentence=sentences.get(name) or meaning.explanation,
            compared=_compared(report, name),
        )
        for name, meaning in METRICS.items()
    )


def summary(report: Report) -> str:
    """One sentence about what was promised and what came on the judged slice."""
    metrics = report.metrics
    if metrics.click_rate is None:
        return "No impression was judged."
    judged = f"{metrics.impressions:,} impressions of the {report.slice} slice"
    if metrics.calibration_ratio is None:
        return f"Judged on {judged}, none of which was clicked."
    promised = metrics.click_rate * metrics.calibration_ratio
    return (
        f"On {judged}, the model promised a click rate of {percent(promised)}; "
        f"{percent(metrics.click_rate)} were clicked."
    )


def percent(share: float) -> str:
    """A share with about three digits: 0.05312 is "5.31 %", 0.000123 is "0.0123 %"."""
    hundredths = round(share * 100.0, 9)
    if hundredths == 0.0 or abs(hundredths) >= 100.0:
        return f"{hundredths:.0f} %"
    digits = 1 if abs(hundredths) >= 10.0 else 2 if abs(hundredths) >= 0.1 else 4
    return f"{hundredths:.{digits}f} %"


def _compared(report: Report, name: str) -> str:
    figures = {model: getattr(metrics, name) for model, metrics in _simpler(report).items()}
    return ", ".join(f"{model} {figure:.4f}" for model, figure in figures.items() if figure is not None)


def _lower_loss(report: Report) -> dict[str, str]:
    """By how much the log loss is below, or above, the baselines'."""
    loss = report.metrics.log_loss
    parts = [
        f"{percent(abs(1.0 - loss / metrics.log_loss))} {'below' if loss < metrics.log_loss else 'above'} {name}"
        for name, metrics in _simpler(report).items()
        if loss is not None and metrics.log_loss
    ]
    return {"log_loss": f"Surprise per impression: {' and '.join(parts)}."} if parts else {}


def _simpler(report: Report) -> dict[str, SliceMetrics]:
    """The baselines that are simpler models, without the judged one."""
    return {
        name: metrics
        for name, metrics in report.baselines.items()
        if name in SIMPLER_MODELS and name != report.family
    }


def _sentences(metrics: SliceMetrics) -> dict[str, str]:
    """A sentence about the value of each metric; a metric without one falls back on its explanation."""
    words = {
        "auc": _order(
            "Of a clicked and an unclicked impression, the clicked one is scored higher", metrics.auc
        ),
        "gauc": _order(
            "Within one user, a clicked impression is scored above an unclicked one", metrics.gauc
        ),
        "normalised_entropy": _uncertainty(metrics.normalised_entropy),
        "ece": _gap(metrics),
        "calibration_ratio": _promise(metrics),
    }
    undefined = {
        name: f"Undefined here: {_UNDEFINED.get(name, 'it needs an impression.')}"
        for name in METRICS
        if getattr(metrics, name) is None
    }
    return words | undefined


def _order(start: str, share: float | None) -> str:
    return "" if share is None else f"{start} {share * 100:.0f} times in 100; chance alone gives 50."


def _uncertainty(entropy: float | None) -> str:
    if entropy is None:
        return ""
    if entropy >= 1.0:
        return "No better than always saying the click rate."
    return f"Removes {percent(1.0 - entropy)} of the uncertainty that knowing the click rate alone leaves."


def _gap(metrics: SliceMetrics) -> str:
    if metrics.ece is None:
        return ""
    off = f"A promised probability is off by {metrics.ece * 100:.2f} percentage points on average"
    if metrics.ece_by_chance is None:
        return f"{off}."
    return f"{off}; on so many impressions an exact model would seem off by {metrics.ece_by_chance * 100:.2f}, by chance."


def _promise(metrics: SliceMetrics) -> str:
    if metrics.calibration_ratio is None:
        return ""
    predicted = metrics.calibration_ratio * metrics.clicks
    return f"{predicted:,.0f} clicks were promised and {metrics.clicks:,} came."


def calibration_formula(calibration: Calibration) -> str:
    """What calibration does to the network's logit, and to the probability p that it stands for."""
    start = f"{calibration.kind}: calibrated logit ="
    match calibration:
        case Linear(kind="none"):
            return "none"
        case Linear(slope=slope, offset=offset):
            return f"{start} {slope:.4f} × logit {_added(offset)}"  # noqa: RUF001  # a real times sign
        case Beta(low=low, high=high, offset=offset):
            return f"{start} {low:.4f} × log p − {high:.4f} × log(1 − p) {_added(offset)}"  # noqa: RUF001
        case Isotonic(logits=knots):
            return f"{start} a rising line through {len(knots)} knots"
        case PerSegment(feature=feature, by_id=by_id, otherwise=otherwise):
            rest = calibration_formula(otherwise)
            return f"{len(by_id)} values of {feature} have their own curve; the rest {rest}"


def _added(offset: float) -> str:
    return f"{'+' if offset >= 0 else '−'} {abs(offset):.4f}"  # noqa: RUF001  # a real minus
