"""A published or exported SavedModel, opened for scoring whole frames; `training.export.parity` and `training.scoring.scoring` call it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import tensorflow as tf
from numpy.typing import NDArray

from features.fitted import FittedSpec
from features.spec import Half, argument_names
from registry.manifest import FEATURE_SPEC, Split
from training.encoding.encode import raw_tensors
from training.targets import PROBABILITY_OF


class LoadedModel:
    """The signatures of a SavedModel and the spec that it was exported with."""

    def __init__(self, loaded: Any, fitted: FittedSpec) -> None:
        self._loaded = loaded  # the signatures die with it
        self.fitted = fitted
        self.raw_inputs = fitted.spec.raw_inputs()
        self.log_inputs = fitted.spec.log_inputs()
        self._names = argument_names(self.raw_inputs)
        self._serve = loaded.signatures["serving_default"]
        self._encode = loaded.signatures["encode"]
        self._parts = {name: loaded.signatures.get(name) for name in ("user_state", "item_state", "joint")}

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Load a SavedModel directory."""
        text = (directory / FEATURE_SPEC).read_text(encoding="utf-8")
        return cls(tf.saved_model.load(str(directory)), FittedSpec.model_validate_json(text))

    def probabilities(self, frame: pl.DataFrame) -> NDArray[np.float32]:
        """Calibrated click probabilities ``(n,)`` of typed impressions."""
        return self.answer_arrays(raw_tensors(frame, self.raw_inputs))

    def answer_arrays(self, tensors: Mapping[str, tf.Tensor]) -> NDArray[np.float32]:
        """The same of tensors by raw column, each ``(n,)``, or ``(n, longest)`` for lists."""
        probabilities: NDArray[np.float32] = self._called(self._serve, tensors)["probability"].numpy()
        return probabilities

    @property
    def target_outputs(self) -> tuple[str, ...]:
        """The outputs ``probability_<target>``, by name; none where there is one target."""
        names = self._serve.structured_outputs
        return tuple(sorted(name for name in names if name.startswith(PROBABILITY_OF)))

    def answers(self, frame: pl.DataFrame) -> dict[str, NDArray[np.float32]]:
        """``probability`` and every one of `target_outputs` of typed impressions, each ``(n,)``."""
        outputs = self.outputs(frame)
        return {name: outputs[name] for name in ("probability", *self.target_outputs)}

    def outputs(self, frame: pl.DataFrame) -> dict[str, NDArray[np.float32]]:
        """The calibrated ``logit`` and every probability of typed impressions, each ``(n,)``, by the whole way."""
        outputs = self._called(self._serve, raw_tensors(frame, self.raw_inputs))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def split_outputs(self, frame: pl.DataFrame) -> dict[str, NDArray[np.float32]]:
        """The same from the states of both sides and the joint part, as a request that ranks computes them."""
        spec = self.fitted.spec
        user, item = (
            self._called(self._parts[f"{half}_state"], raw_tensors(frame, spec.half_inputs(half)))
            for half in (Half.USER, Half.ITEM)
        )
        rows = tf.range(len(frame))
        # A half without features has one state for all.
        of_item = tf.minimum(rows, tf.shape(item["state"])[0] - 1)
        given = {
            Split.USER_STATE: user["state"],
            Split.USER_IDS: user["ids"],
            Split.OF_USER: tf.minimum(rows, tf.shape(user["state"])[0] - 1),
            Split.ITEM_STATE: tf.gather(item["state"], of_item),
            Split.ITEM_IDS: tf.gather(item["ids"], of_item),
        }
        tensors = {name.value: tensor for name, tensor in given.items()}
        tensors |= raw_tensors(frame, spec.half_inputs(Half.JOINT))
        answer = self._called(self._parts["joint"], tensors)
        return {name: tensor.numpy() for name, tensor in answer.items()}

    def encoded(self, frame: pl.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Ids ``(n, id_width)`` and values ``(n, value_width)`` of typed impressions."""
        outputs = self._called(self._encode, raw_tensors(frame, self.raw_inputs))
        return outputs["ids"].numpy(), outputs["values"].numpy()

    def _called(self, signature: Any, tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return signature(**{self._names.get(name, name): tensor for name, tensor in tensors.items()})  # type: ignore[no-any-return]
