"""What a run found out about its model: arrays of the judged slice come in, one `Report` goes out.

`training.pipeline` fills it, the gate reads it, `training.report.html` draws it, and it travels with every version as
``assets.extra/report.json``.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AwareDatetime, Field

from features.document import FiniteDocument
from training.calibration import IDENTITY, Calibration, CalibrationChoice
from training.export.exported import ExportFacts
from training.gate.duel import Duel
from training.grouping import most_frequent
from training.metrics import METRICS, Meaning, SliceMetrics, all_metrics
from training.report.curves import HistogramBin, ReliabilityBin, RocPoint, histogram, reliability, roc_points
from training.report.insights import Familiarity, Importance, LayerLook, Peer

SliceName = Literal["train", "validation", "test", "log"]


class Segment(FiniteDocument):
    """The impressions of a slice that share a value of a column; the empty value is a missing one."""

    column: str
    value: str
    metrics: SliceMetrics


class LearningPoint(FiniteDocument):
    """One look at the validation slice while training; losses are means per impression, in nats."""

    epoch: float = Field(ge=0, description="passes over the training slice so far")
    step: int = Field(ge=0, description="batches so far")
    train_loss: float | None
    validation_loss: float
    learning_rate: float | None = None
    layers: dict[str, LayerLook] = Field(
        default_factory=dict,
        description="every layer on one fixed batch of the validation slice, by its name",
    )


class EnsembleCost(FiniteDocument):
    """What several networks instead of one cost."""

    seconds: tuple[float, ...] = Field(description="to fit each member, one after another")
    parameters_of_one: int = Field(ge=0, description="numbers learned by the first member")
    parameters: tuple[int, ...] = Field(
        default=(), description="numbers learned by each member; empty in reports of earlier versions"
    )
    prediction_time: float = Field(gt=0, description="of all members in one graph, in times of one member's")


class Period(FiniteDocument):
    """How many impressions a slice has and when they were."""

    impressions: int = Field(ge=0)
    first: AwareDatetime | None = None
    last: AwareDatetime | None = None


class DataSummary(FiniteDocument):
    """What was read, and how it was divided in time."""

    impressions_read: int = Field(ge=0)
    bad_rows: int = Field(default=0, ge=0, description="rows set apart in the quarantine file")
    slices: dict[SliceName, Period] = Field(default_factory=dict)


class Curves(FiniteDocument):
    """The points behind the pictures of one slice."""

    roc: tuple[RocPoint, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    histogram: tuple[HistogramBin, ...] = ()

    @classmethod
    def of(cls, clicked: ArrayLike, probabilities: ArrayLike) -> Self:
        """The curves of labels and probabilities, both of shape ``(n,)``."""
        return cls(
            roc=roc_points(clicked, probabilities),
            reliability=reliability(clicked, probabilities),
            histogram=histogram(clicked, probabilities),
        )


class TargetReport(FiniteDocument):
    """One target of several; in its metrics a click stands for what the target is, such as a purchase."""

    label: str = Field(description="its column")
    after: str | None = Field(default=None, description="target without which it cannot happen")
    metrics: SliceMetrics
    baselines: dict[str, SliceMetrics] = Field(default_factory=dict, description="as those of the report")
    validation_metrics: SliceMetrics | None = None
    curves: Curves = Curves()
    calibration: Calibration = IDENTITY
    calibration_choice: CalibrationChoice | None = None


class Report(FiniteDocument):
    """Everything a person, or the gate, needs to judge a model; figures are of ``slice`` unless they say otherwise."""

    name: str
    family: str
    created_at: AwareDatetime
    code_version: str
    seed: int
    slice: SliceName
    data: DataSummary
    metrics: SliceMetrics
    baselines: dict[str, SliceMetrics] = Field(
        default_factory=dict, description='"prior", "logistic", "mlp before calibration", on the same slice'
    )
    validation_metrics: SliceMetrics | None = None
    segments: tuple[Segment, ...] = ()
    learning_curves: dict[str, tuple[LearningPoint, ...]] = Field(
        default_factory=dict, description="by family"
    )
    targets: dict[str, TargetReport] = Field(
        default_factory=dict, description="every target by name where there are several, the first one too"
    )
    curves: Curves = Curves()
    calibration: Calibration = IDENTITY
    calibration_choice: CalibrationChoice | None = Field(
        default=None, description="what else was tried; null where the task file names the kind"
    )
    keep_rate: float = Field(default=1.0, gt=0, le=1)
    seconds: dict[str, float] = Field(default_factory=dict, description="stage -> how long it took")
    parameters: int | None = Field(default=None, description="numbers learned by the network")
    ensemble: EnsembleCost | None = Field(default=None, description="the members, where there are several")
    peers: tuple[Peer, ...] = Field(
        default=(), description="every other model that was trained, and the prior; the best first"
    )
    depths: tuple[Peer, ...] = Field(
        default=(), description="the same network with a hidden layer more, or less"
    )
    left_out: dict[str, str] = Field(
        default_factory=dict, description="model to compare with -> why it is not"
    )
    importance: Importance | None = None
    familiarity: tuple[Familiarity, ...] = Field(
        default=(), description="seen and unseen users and items apart"
    )
    export: ExportFacts | None = Field(default=None, description="what the export costs")
    duel: Duel | None = Field(
        default=None, description="against the version in whose place it goes; null before there is one"
    )
    gate_reasons: tuple[str, ...] = Field(default=(), description="why it must not be published")
    tensorflow_only: str | None = Field(
        default=None, description="why the version carries no graphs for a runtime without TensorFlow"
    )
    notes: tuple[str, ...] = Field(default=(), description="what to know before trusting the figures")
    configuration: str = Field(default="", description="the task file, as YAML")


def build_slice(
    clicked: ArrayLike,
    probabilities: ArrayLike,
    users: NDArray[Any] | None,
    segments: Mapping[str, NDArray[Any]],
    max_values: int,
) -> tuple[SliceMetrics, tuple[Segment, ...]]:
    """The metrics of a slice as a whole and by the values of segment columns.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].
        users: Who saw each impression, shape ``(n,)``; without it GAUC is None.
        segments: Column -> its values, texts or numbers, shape ``(n,)``.
        max_values: Of each column only so many values are kept, the most frequent ones, ties by value.
    """
    clicked, probabilities = np.asarray(clicked), np.asarray(probabilities, dtype=np.float64)
    found = [
        Segment(
            column=column,
            value=value,
            metrics=all_metrics(clicked[rows], probabilities[rows], None if users is None else users[rows]),
        )
        for column, values in segments.items()
        for value, rows in most_frequent(values, max_values)
    ]
    return all_metrics(clicked, probabilities, users), tuple(found)


class Cell(NamedTuple):
    """One figure of the comparison, ready to show; the best of its metric is marked."""

    text: str
    is_best: bool


class ComparedMetric(NamedTuple):
    """One metric of every compared model."""

    meaning: Meaning
    cells: tuple[Cell, ...]


def compared_models(report: Report) -> dict[str, SliceMetrics]:
    """The judged model first, then the baselines."""
    return {report.family: report.metrics} | {
        name: metrics for name, metrics in report.baselines.items() if name != report.family
    }


def comparison(report: Report) -> tuple[ComparedMetric, ...]:
    """Every metric of every model of `compared_models`, in that order; undefined figures read "-"."""
    models = compared_models(report).values()
    return tuple(
        ComparedMetric(meaning, _cells(meaning, [getattr(metrics, name) for metrics in models]))
        for name, meaning in METRICS.items()
    )


def metrics_table(report: Report) -> list[list[str]]:
    """The comparison as a table of texts: a header with the models' names, then one row per metric."""
    header = ["", *compared_models(report)]
    rows = [[meaning.label, *(cell.text for cell in cells)] for meaning, cells in comparison(report)]
    return [header, *rows]


def targets_table(report: Report) -> list[list[str]]:
    """The judged model on every target as a table of texts; nothing where there is one target."""
    if not report.targets:
        return []
    rows = [
        [meaning.label, *(figure_text(getattr(target.metrics, name)) for target in report.targets.values())]
        for name, meaning in METRICS.items()
    ]
    return [["", *report.targets], *rows]


def figure_text(figure: float | None, digits: int = 4) -> str:
    """A figure with so many digits; "-" where it is undefined."""
    return "-" if figure is None else f"{figure:.{digits}f}"


def _cells(meaning: Meaning, figures: list[float | None]) -> tuple[Cell, ...]:
    distances = [None if figure is None else _distance(meaning, figure) for figure in figures]
    defined = [distance for distance in distances if distance is not None]
    # One figure alone, or all figures alike, is not the best of anything.
    best = min(defined) if len(set(defined)) > 1 else None
    return tuple(
        Cell(figure_text(figure), best is not None and distance == best)
        for figure, distance in zip(figures, distances, strict=True)
    )


def _distance(meaning: Meaning, figure: float) -> float:
    """How far a figure is from where it should be, on the four digits that are shown."""
    shown = round(figure, 4)
    match meaning.aim:
        case "high":
            return -shown
        case "low":
            return shown
        case "one":
            return abs(shown - 1.0)
