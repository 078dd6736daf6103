"""Builders of what a report says beyond its figures; tests of its sentences and of its page use them."""

from collections.abc import Mapping
from typing import Any

from tests.training.reports import make_metrics, make_point, make_report
from training.report.insights import Familiarity, FeatureImportance, Importance, LayerLook, Peer
from training.report.report import LearningPoint, Report


def make_peer(name: str, behind: float, **changes: Any) -> Peer:
    """Another model, its distance known to a thousandth."""
    parts: dict[str, Any] = {
        "name": name,
        "metrics": make_metrics(log_loss=0.18 + behind),
        "behind": behind,
        "standard_error": 0.001,
        "seconds": 12.0,
        "parameters": 100,
    }
    return Peer(**(parts | changes))


def make_importance(alone: Mapping[str, float] | None = None, /, **increases: float) -> Importance:
    """Features by name, the most important first; each varies by a thousandth and has an AUC of .6 where ``alone`` has no other."""
    features = [
        FeatureImportance(
            feature=name, columns=1, increase=increase, spread=0.001, alone=(alone or {}).get(name, 0.6)
        )
        for name, increase in sorted(increases.items(), key=lambda item: -item[1])
    ]
    return Importance(impressions=500, repeats=3, log_loss=0.18, features=tuple(features))


def make_familiarity(user: Any, item: Any, **metrics: Any) -> Familiarity:
    return Familiarity(user=user, item=item, metrics=make_metrics(**metrics))


def make_look(**layers: LayerLook) -> LearningPoint:
    """A check at which the layers were so; underscores stand for the spaces of their names."""
    named = {name.replace("_", " "): look for name, look in layers.items()}
    return make_point(1, 0.18).model_copy(update={"layers": named})


def make_studied_report(**changes: Any) -> Report:
    """A report with every study in it."""
    parts: dict[str, Any] = {
        "peers": (make_peer("deepfm", 0.004), make_peer("prior", 0.02, parameters=None, seconds=None)),
        "depths": (make_peer("mlp 8-4-4", 0.003),),
        "importance": make_importance(city=0.03, device=0.01, hour=0.0005),
        "familiarity": (
            make_familiarity("seen", "seen", impressions=900),
            make_familiarity("unseen", "seen", impressions=100),
        ),
        "learning_curves": {
            "mlp": (make_look(hidden_1=LayerLook(dead=0.1, gradient_norm=0.5)),),
        },
    }
    return make_report(**(parts | changes))
