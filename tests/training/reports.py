"""Builders for reports; tests of the report, its page and its words use them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from training.calibration import Linear
from training.metrics import SliceMetrics
from training.report.curves import HistogramBin, ReliabilityBin, RocPoint
from training.report.report import Curves, DataSummary, LearningPoint, Period, Report, Segment

START = datetime(2026, 3, 1, tzinfo=UTC)


def make_metrics(**changes: Any) -> SliceMetrics:
    """Metrics of a thousand impressions, fifty of them clicked."""
    figures: dict[str, Any] = {
        "impressions": 1000,
        "clicks": 50,
        "click_rate": 0.05,
        "auc": 0.75,
        "gauc": 0.7,
        "log_loss": 0.18,
        "normalised_entropy": 0.9,
        "ece": 0.004,
        "calibration_ratio": 1.02,
    }
    return SliceMetrics(**(figures | changes))


def make_point(epoch: float, validation_loss: float, train_loss: float | None = 0.2) -> LearningPoint:
    """One look at the validation slice."""
    return LearningPoint(
        epoch=epoch, step=round(epoch * 100), train_loss=train_loss, validation_loss=validation_loss
    )


def make_curves() -> Curves:
    """The points behind three pictures."""
    return Curves(
        roc=tuple(
            RocPoint(false_positive_rate=x, true_positive_rate=y)
            for x, y in ((0.0, 0.0), (0.2, 0.7), (1.0, 1.0))
        ),
        reliability=(
            ReliabilityBin(low=0.0, high=0.03, predicted=0.02, observed=0.018, impressions=512),
            ReliabilityBin(low=0.03, high=0.3, predicted=0.08, observed=0.085, impressions=488),
        ),
        histogram=(
            HistogramBin(low=0.01, high=0.05, clicks=10, non_clicks=700),
            HistogramBin(low=0.05, high=0.3, clicks=40, non_clicks=250),
        ),
    )


def make_report(**changes: Any) -> Report:
    """A report with something in every part of it."""
    parts: dict[str, Any] = {
        "name": "shop",
        "family": "mlp",
        "created_at": START + timedelta(days=31),
        "code_version": "0.1.0",
        "seed": 2026,
        "slice": "test",
        "data": DataSummary(
            impressions_read=10_000,
            bad_rows=3,
            slices={"train": Period(impressions=8_000, first=START, last=START + timedelta(days=24))},
        ),
        "metrics": make_metrics(),
        "baselines": {
            "prior": make_metrics(auc=0.5, gauc=0.5, log_loss=0.2, normalised_entropy=1.0, ece=0.001),
            "logistic": make_metrics(auc=0.7, gauc=0.65, log_loss=0.19, normalised_entropy=0.95, ece=0.006),
        },
        "validation_metrics": make_metrics(auc=0.76),
        "segments": (Segment(column="device", value="ios", metrics=make_metrics(impressions=600)),),
        "learning_curves": {"mlp": (make_point(1, 0.19), make_point(2, 0.18), make_point(3, 0.185))},
        "curves": make_curves(),
        "calibration": Linear(kind="platt", slope=1.1, offset=-0.2),
        "seconds": {"reading": 2.0, "training mlp": 75.0},
        "parameters": 12_345,
        "configuration": "name: shop\n",
    }
    return Report(**(parts | changes))
