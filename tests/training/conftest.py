"""Builders of small encoded worlds: layouts, impressions, stores and fits; tests of the networks use them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from features.layout import EncodedLayout, IdField, ValueField
from features.spec import Half
from training.config import ModelConfig, TrainingConfig
from training.encoding.store import EncodedStore, StoreWriter
from training.fitting.descent import FitStores
from training.fitting.fit import fit
from training.fitting.trained import TrainedModel
from training.models import Family, Regularisation, build
from training.progress import Silent
from training.targets import CLICK, Targets

Field = tuple[str, Half, int]
"""Name, half and rows of an id field."""


def make_layout(
    ids: Sequence[Field] = (),
    values: Sequence[tuple[str, Half]] = (),
    *,
    width: int = 3,
    pooling: Literal["mean", "sum"] = "mean",
) -> EncodedLayout:
    """A layout of fields given in the order of their halves; one named ``tags`` has several values."""
    fields: list[IdField] = []
    start = 0
    for name, half, rows in ids:
        many = name == "tags"
        fields.append(
            IdField(name, half, rows, start, width=width if many else 1, pooling=pooling if many else None)
        )
        start = fields[-1].stop
    return EncodedLayout(
        tuple(fields), tuple(ValueField(name, half, column) for column, (name, half) in enumerate(values))
    )


EVERY_HALF = make_layout(
    [
        ("city", Half.USER, 6),
        ("hour", Half.USER, 5),
        ("brand", Half.ITEM, 7),
        ("tags", Half.ITEM, 8),
        ("cross", Half.JOINT, 9),
    ],
    [("income", Half.USER), ("price", Half.ITEM), ("age", Half.JOINT)],
)


ATTENDING = EncodedLayout(
    (
        IdField("city", Half.USER, rows=6, start=0),
        IdField("brand", Half.ITEM, rows=5, start=1),
        IdField("item", Half.ITEM, rows=7, start=2),
        IdField(
            "clicked_items",
            Half.JOINT,
            rows=7,
            start=3,
            width=3,
            pooling="attention",
            like="item",
            attends="item",
        ),
    ),
    (ValueField("income", Half.USER, 0), ValueField("price", Half.ITEM, 1)),
)
"""A sequence that shares the embeddings of the item and is weighed by them."""


def make_network(layout: EncodedLayout = EVERY_HALF, targets: Targets = CLICK, **config: Any) -> Family:
    """An untrained network with all of its weights, small unless told otherwise."""
    small = {"embedding_dim": 3, "hidden": (5, 4), "heads": 2, "gate_units": 2, "attention_units": (3,)}
    model = ModelConfig.model_validate({**small, **config})
    return build(layout, model, Regularisation(), targets).built_for_layout()


def draw_inputs(
    layout: EncodedLayout, rows: int, seed: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Random ids, padding among them, and random values."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, field.rows, (rows, field.width)) for field in layout.ids]
    ids = np.concatenate([np.zeros((rows, 0)), *columns], axis=1).astype(np.int32)
    return ids, rng.normal(size=(rows, layout.value_width)).astype(np.float32)


def draw_weights(network: Family, seed: int = 0) -> None:
    """Gives every weight a value of its own, so that zeros at the start hide nothing."""
    rng = np.random.default_rng(seed)
    for weight in sorted(network.weights, key=lambda weight: weight.name == "shift"):
        weight.assign(np.abs(rng.normal(scale=0.5, size=weight.shape)) + 0.1)


def write_store(
    path: Path, layout: EncodedLayout, clicked: NDArray[Any], *, ids: Any = None, values: Any = None
) -> EncodedStore:
    """A store of the given impressions; what the layout lacks may be left out."""
    store = EncodedStore(path, layout)
    empty = np.empty((len(clicked), 0))
    with StoreWriter(store) as writer:
        writer.append(empty if ids is None else ids, empty if values is None else values, clicked)
    return store


def run_fit(
    logs: tuple[EncodedStore, EncodedStore],
    layout: EncodedLayout,
    *,
    model: dict[str, Any] | None = None,
    droppable: NDArray[np.int32] | None = None,
    **training: Any,
) -> TrainedModel:
    """Fits a small network on a training and a validation store; by default no id may be dropped, and nothing holds or averages weights."""
    plain = {"epochs": 2, "batch_size": 32, "optimizer": {"learning_rate": 0.05}, "l2_rare": 0.0, "ema": None}
    settings = plain | training
    return fit(
        ModelConfig.model_validate({"embedding_dim": 2, "hidden": (4,), **(model or {})}),
        TrainingConfig.model_validate(settings),
        FitStores(*logs, np.zeros(layout.id_width, np.int32) if droppable is None else droppable),
        Silent(),
    )


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Runs the step without compiling it, which is quicker where a fit takes only a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
