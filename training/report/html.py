"""The report as one page: a `Report` comes in, self-contained HTML goes out; it asks no other place for anything.

`training.pipeline` writes it beside the JSON, and it travels with every version as ``assets.extra/report.html``.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from training.metrics import METRICS, SliceMetrics
from training.report.pictures import (
    Picture,
    histogram_picture,
    learning_picture,
    reliability_picture,
    roc_picture,
)
from training.report.report import Report, compared_models, comparison, figure_text
from training.report.report_studies import studies
from training.report.wording import calibration_formula, headlines, percent, summary

HERE = Path(__file__).parent
BAR_WIDTH = 120
"""Of the small calibration bars, which reach from half to twice as many predicted clicks as observed ones."""


class CalibrationBar(NamedTuple):
    """Predicted over observed clicks on a log axis from 1/2 to 2, in units of a box that is `BAR_WIDTH` wide.

    Attributes:
        left: Where the bar starts, and its ``width``; 1 is in the middle.
        whisker: From where to where the ratio may lie by chance alone (95 %, clicks taken as Poisson).
        is_off: Whether chance alone does not explain the distance from 1.
    """

    left: float
    width: float
    whisker: tuple[float, float]
    is_off: bool


def render_html(report: Report) -> str:
    """The report as a page of its own: style and pictures inline, text from data escaped."""
    curves = report.curves
    pictures = (
        roc_picture(curves.roc, report.metrics.auc),
        reliability_picture(curves.reliability),
        learning_picture(report.learning_curves),
        histogram_picture(curves.histogram),
    )
    return template("report.html").render(
        report=report,
        summary=summary(report),
        headlines=headlines(report),
        models=list(compared_models(report)),
        comparison=comparison(report),
        pictures=_by_title(pictures),
        studies=studies(report),
        segments=[(column, list(found)) for column, found in groupby(report.segments, attrgetter("column"))],
        calibration=calibration_formula(report.calibration),
        glossary=METRICS.values(),
        metric_names=list(METRICS),
    )


def calibration_bar(metrics: SliceMetrics) -> CalibrationBar | None:
    """The small bar of a segment; None without a click."""
    ratio = metrics.calibration_ratio
    if ratio is None:
        return None
    chance = 1.96 / math.sqrt(metrics.clicks)
    # With no promised click at all the bar simply reaches its end.
    distance = math.log(max(ratio, 1e-6))
    start, end = sorted((_on_bar(0.0), _on_bar(distance)))
    return CalibrationBar(
        left=start,
        width=end - start,
        whisker=(_on_bar(distance - chance), _on_bar(distance + chance)),
        is_off=abs(distance) > chance,
    )


def _on_bar(distance: float) -> float:
    """Where the logarithm of a ratio stands, cut off at both ends."""
    return BAR_WIDTH / 2 * (1.0 + min(1.0, max(-1.0, distance / math.log(2.0))))


def _by_title(pictures: tuple[Picture | None, ...]) -> dict[str, Picture]:
    return {picture.title: picture for picture in pictures if picture is not None}


def template(name: str) -> Template:
    """A page by its path, here or from training/, with the filters and the style of the report."""
    environment = Environment(
        loader=FileSystemLoader([HERE, HERE.parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters()
    return environment.get_template(name)


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        "count": _count,
        "percent": _percent,
        "figure": figure_text,
        "moment": _moment,
        "duration": _duration,
        "calibration_bar": calibration_bar,
        "formula": calibration_formula,
        "reliability_picture": reliability_picture,
    }


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share)


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
