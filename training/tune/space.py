"""What a search may change in a task file, all in this file: a task comes in, points of the space and tasks go out.

`training.tune.search` asks it for every trial. Each knob is widened to hold what the task file says already, so that a
search can always stay near it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from optuna.trial import BaseTrial

from training.config import ModelConfig, TaskConfig, TrainingConfig
from training.models import FAMILIES
from training.models.final_mlp import FinalMlp

Value = float | int | str | bool | None
Point = dict[str, Value]
"""A value for every knob of one family, by the knob's name."""

DIGITS = 3
"""Significant digits of a number that is searched: more would be noise, and a task file is read by people."""


class Knob(Protocol):
    """A range of values."""

    def suggest(self, trial: BaseTrial, name: str) -> Value:
        """A value for a trial."""

    def holding(self, value: Any) -> "Knob":
        """The same range, widened to hold a value."""

    def coordinate(self, value: Any) -> Value:
        """What the trial would have to be given for `suggest` to answer this value, or the nearest there is."""


@dataclass(frozen=True)
class Real:
    """Numbers from ``low`` to ``high``; a knob that may be ``off`` has a decade below ``low`` that stands for 0."""

    low: float
    high: float
    log: bool = False
    off: bool = False

    def suggest(self, trial: BaseTrial, name: str) -> Value:
        value = trial.suggest_float(name, self.low / 10 if self.off else self.low, self.high, log=self.log)
        return 0.0 if self.off and value < self.low else float(f"{value:.{DIGITS}g}")

    def holding(self, value: float) -> "Real":
        if self.off and value == 0.0:
            return self
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def coordinate(self, value: float) -> Value:
        return self.low / math.sqrt(10) if self.off and value == 0.0 else value


@dataclass(frozen=True)
class Whole:
    """Multiples of ``step`` from ``low`` to ``high``, both included, and ``beside`` them a value that is no multiple.

    A trial is given any whole number, and `suggest` answers the nearest of these: Optuna knows no steps on a logarithmic
    axis.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    beside: int | None = None

    def suggest(self, trial: BaseTrial, name: str) -> Value:
        value = trial.suggest_int(name, self.low, self.high, log=self.log)
        if value == self.beside:
            return value
        return max(self.step, round(value / self.step) * self.step)

    def holding(self, value: int) -> "Whole":
        return replace(
            self,
            low=min(self.low, value),
            high=max(self.high, value),
            beside=value if value % self.step else None,
        )

    def coordinate(self, value: int) -> Value:
        return value


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Value, ...]

    def suggest(self, trial: BaseTrial, name: str) -> Value:
        value: Value = trial.suggest_categorical(name, self.values)
        return value

    def holding(self, value: Value) -> "Choice":
        return self if value in self.values else Choice((*self.values, value))

    def coordinate(self, value: Value) -> Value:
        return value


EVERY_FAMILY: dict[str, Knob] = {
    "batch_size": Choice((256, 512, 1024, 2048, 4096, 8192)),
    "learning_rate": Real(1e-4, 3e-2, log=True),
    "weight_decay": Real(1e-3, 10.0, log=True, off=True),
    "embedding_learning_rate": Real(1e-4, 3e-2, log=True),
    "embedding_weight_decay": Real(1e-3, 10.0, log=True, off=True),
    "id_dropout": Real(0.0, 0.5),
    "ema": Choice((None, 0.9, 0.98, 0.99, 0.995, 0.999)),
    "l2_rare": Real(0.03, 100.0, log=True, off=True),
    "label_smoothing": Real(3e-3, 0.1, log=True, off=True),
}
"""How a network is fitted."""

EMBEDDING_FAMILIES: dict[str, Knob] = {
    "embedding_dim": Whole(4, 64, log=True),
    "embedding_dropout": Real(0.0, 0.5),
    "width": Whole(16, 512, log=True, step=16),
    "depth": Whole(1, 3),
    "halving": Choice((False, True)),
    "activation": Choice(("relu", "gelu", "silu", "tanh")),
    "dropout": Real(0.0, 0.5),
}
"""How large a network is and how it is kept small; `logistic` has none of these."""


class Space:
    """The space around one task.

    Args:
        task: The task file as it stands.
        families: Names of families that may be tried beside the task's own.
    """

    def __init__(self, task: TaskConfig, families: Sequence[str]) -> None:
        self.task = task
        own = point_of(task)
        self.families = Choice(tuple(families)).holding(task.model.family)
        self.knobs = {
            name: knob.holding(own[name]) for name, knob in (EVERY_FAMILY | EMBEDDING_FAMILIES).items()
        }

    def starts(self) -> list[Point]:
        """The points that are tried before a sampler proposes any: the task as it stands, then with every other family.

        What no knob can say exactly, such as hidden layers of 200 and 30 units, is said as nearly as there is.
        """
        own = point_of(self.task)
        others = (name for name in self.families.values if name != own["family"])
        return [
            {"family": family}
            | {name: self.knobs[name].coordinate(own[name]) for name in self._names(family)}
            for family in (own["family"], *others)
        ]

    def suggest(self, trial: BaseTrial) -> TaskConfig:
        """The task of a trial."""
        return task_at(self.task, self.point_in(trial))

    def point_in(self, trial: BaseTrial) -> Point:
        """The values of a trial."""
        family = self.families.suggest(trial, "family")
        return {"family": family} | {
            name: self.knobs[name].suggest(trial, name) for name in self._names(family)
        }

    def _names(self, family: Value) -> list[str]:
        return [*EVERY_FAMILY, *(EMBEDDING_FAMILIES if FAMILIES[str(family)].embeds else ())]


def point_of(task: TaskConfig) -> Point:
    """Where a task stands; hidden layers that are not all alike nor halving are described as nearly as can be."""
    model, training = task.model, task.training
    embeddings = training.embedding_optimizer or training.optimizer
    hidden = model.hidden or (128,)
    return {
        "family": model.family,
        "batch_size": training.batch_size,
        "learning_rate": training.optimizer.learning_rate,
        "weight_decay": training.optimizer.weight_decay,
        "embedding_learning_rate": embeddings.learning_rate,
        "embedding_weight_decay": embeddings.weight_decay,
        "id_dropout": training.id_dropout,
        "ema": training.ema,
        "l2_rare": FAMILIES[model.family].usual_prior if training.l2_rare is None else training.l2_rare,
        "label_smoothing": training.label_smoothing,
        "embedding_dim": model.embedding_dim,
        "embedding_dropout": model.embedding_dropout,
        "width": hidden[0],
        "depth": len(hidden),
        "halving": hidden[-1] < hidden[0],
        "activation": model.activation,
        "dropout": model.dropout,
    }


def task_at(task: TaskConfig, point: Point) -> TaskConfig:
    """The task with the values of a point."""
    model, training = task.model.model_dump(), task.training.model_dump()
    dense = training["optimizer"]
    dense |= {name: point[name] for name in ("learning_rate", "weight_decay")}
    embeddings = (training["embedding_optimizer"] or dense) | {
        "learning_rate": point["embedding_learning_rate"],
        "weight_decay": point["embedding_weight_decay"],
    }
    if training["embedding_optimizer"] or embeddings != dense:
        training["embedding_optimizer"] = embeddings
    unsaid = training["l2_rare"] is None and point["l2_rare"] == point_of(task)["l2_rare"]
    training |= {name: value for name, value in point.items() if name in training}
    if unsaid:
        training["l2_rare"] = None
    model |= {name: value for name, value in point.items() if name in model}
    if "width" in point:
        final_mlp = FAMILIES[str(point["family"])] is FinalMlp
        model["hidden"] = hidden_layers(point, last_multiple_of=task.model.heads if final_mlp else 1)
    return task.model_copy(
        update={
            "model": ModelConfig.model_validate(model),
            "training": TrainingConfig.model_validate(training),
        }
    )


def hidden_layers(point: Point, *, last_multiple_of: int = 1) -> tuple[int, ...]:
    """Units of each hidden layer: all of one width, or each half of the one before it.

    Args:
        point: A point with ``width``, ``depth`` and ``halving``.
        last_multiple_of: The last layer is widened to a multiple of this number: of the heads, for `final_mlp`.
    """
    width, depth = int(point["width"] or 0), int(point["depth"] or 0)
    layers = [max(4, width >> layer) if point["halving"] else width for layer in range(depth)]
    layers[-1] += -layers[-1] % last_multiple_of
    return tuple(layers)
