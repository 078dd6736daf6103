"""From a trained network to a SavedModel: raw features in, probability and logit out, everything inside the graph.

`training.export.parity` compares the export with what was trained; `registry` publishes it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import polars as pl
import tensorflow as tf

from features.encoder import Encoder, input_signature
from features.fitted import FittedSpec
from features.spec import Half, Side
from registry.manifest import EXTRA, FEATURE_SPEC, REPORT, TASK, WARMUP, Split
from training.calibration import Calibration, PerSegment, segment_column
from training.log.columns import is_missing
from training.models import Family
from training.models.family import HalfInputs
from training.models.layers import FieldEmbedding
from training.targets import PROBABILITY_OF


class ServingModel(tf.Module):
    """The whole way from raw features to a calibrated probability.

    Args:
        encoder: Raw features to ids and values.
        network: Ids and values to the logit on the training log.
        keep_rate: Share of non-clicks that the network was trained on.
        calibration: From the logit on the full log to the calibrated one.
        further: The same for each target beside the first.
    """

    def __init__(
        self,
        encoder: Encoder,
        network: Family,
        keep_rate: float,
        calibration: Calibration,
        further: Sequence[Calibration] = (),
    ) -> None:
        super().__init__(name="serving_model")
        network.fold_norms()
        self.encoder = encoder
        # Tracked as plain variables: a tracked Keras model would add signatures of its own and store tables twice.
        self.weights = [variable.value for variable in network.variables]
        self._network: Callable[[], Any] = lambda: network
        self.keep_rate = keep_rate
        self.calibration = calibration
        self.further = tuple(further)
        self.targets = network.targets
        signature = [input_signature(encoder.fitted)]
        self.serve: Any = tf.function(self._serve, input_signature=signature)
        self.encode: Any = tf.function(self._encode, input_signature=signature)

    @property
    def calibrations(self) -> tuple[Calibration, ...]:
        """One for each target, in their order."""
        return self.calibration, *self.further

    def signatures(self) -> dict[str, Any]:
        """Every function of the export: the whole way, the encoder alone, and the parts of a request that ranks.

        ``user_state`` and ``item_state`` take the raw columns of their half; ``joint`` takes what they answered and the raw
        columns of the joint half. A column cannot have the names that `Split` gives the rest.
        """
        fitted = self.encoder.fitted
        parts = {
            f"{half}_state": tf.function(
                partial(self._state, half), input_signature=[input_signature(fitted, half)]
            )
            for half in (Half.USER, Half.ITEM)
        }
        states = {
            half: parts[f"{half}_state"].get_concrete_function().structured_outputs
            for half in (Half.USER, Half.ITEM)
        }
        given = {
            Split.USER_STATE: tf.TensorSpec([None, states[Half.USER]["state"].shape[1]], tf.float32),
            Split.USER_IDS: tf.TensorSpec([None, states[Half.USER]["ids"].shape[1]], tf.int32),
            Split.OF_USER: tf.TensorSpec([None], tf.int32),
            Split.ITEM_STATE: tf.TensorSpec([None, states[Half.ITEM]["state"].shape[1]], tf.float32),
            Split.ITEM_IDS: tf.TensorSpec([None, states[Half.ITEM]["ids"].shape[1]], tf.int32),
        }
        named = {
            name.value: tf.TensorSpec(spec.shape, spec.dtype, name=name.value) for name, spec in given.items()
        }
        joint = tf.function(self._joint, input_signature=[named | input_signature(fitted, Half.JOINT)])
        return {"serving_default": self.serve, "encode": self.encode, **parts, "joint": joint}

    def _serve(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = self.encoder(raw)
        return self.outputs(self.logits(encoded.ids, encoded.values), encoded.ids)

    def _state(self, half: Half, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = self.encoder.half(half, raw)
        return {"state": self.state(half, encoded.ids, encoded.values), "ids": encoded.ids}

    def _joint(self, given: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        of_user, item_ids = given[Split.OF_USER], given[Split.ITEM_IDS]
        user_ids = tf.gather(given[Split.USER_IDS], of_user)
        raw = {name: tensor for name, tensor in given.items() if name not in set(Split)}
        known = {Half.USER: user_ids, Half.ITEM: item_ids}
        encoded = self.encoder.half(Half.JOINT, raw, known=known, rows=tf.shape(of_user)[0])
        logits = self.joint(
            given[Split.USER_STATE], of_user, given[Split.ITEM_STATE], encoded.ids, encoded.values
        )
        return self.outputs(logits, tf.concat([user_ids, item_ids, encoded.ids], axis=1))

    def field_embeddings(self) -> list[FieldEmbedding]:
        """Every `FieldEmbedding` of the network."""
        return list(self._network().field_embeddings())

    def logits(self, ids: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The network's logits ``(n,)``, or ``(n, targets)``, from the encoded columns of all halves."""
        return self._network()((ids, values), training=False)

    def state(self, half: Half, ids: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The network's state of one half ``(n, width)`` from its encoded columns."""
        network = self._network()
        state = network.user_state if half is Half.USER else network.item_state
        return state(HalfInputs(ids, values), training=False)

    def joint(
        self,
        user_state: tf.Tensor,
        of_user: tf.Tensor,
        item_state: tf.Tensor,
        ids: tf.Tensor,
        values: tf.Tensor,
    ) -> tf.Tensor:
        """The network's logits of candidates ``(n,)``, or ``(n, targets)``.

        Args:
            user_state: ``(m, width)``.
            of_user: Which of the users each candidate is for, int32 ``(n,)``.
            item_state: ``(n, width)``.
            ids: Encoded ids of the joint half, ``(n, its id columns)``.
            values: Encoded values of the joint half, ``(n, its value columns)``.
        """
        users = tf.gather(user_state, of_user)
        return self._network().joint(users, item_state, HalfInputs(ids, values), training=False)

    def outputs(self, logits: tf.Tensor, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the export answers: ``probability``, ``logit`` and ``probability_<target>``, each ``(n,)``.

        Args:
            logits: Of the network, on the training log.
            ids: Encoded ids of all halves, ``(n, id_width)``: a calibration per segment looks at one column.
        """
        # In float64, as when it was judged: a curve may not turn near ties around by rounding, and ONNX Runtime's
        # sigmoid of float32 is off by up to 1e-7, which is a tenth of a probability of 1e-6.
        heads = tf.reshape(tf.cast(logits, tf.float64), [-1, len(self.targets)])
        heads = self.targets.on_the_full_log(keras.ops, heads, self.keep_rate)
        calibrated = [
            calibration.compute(keras.ops, heads[:, place], self._segment_ids(calibration, ids))
            for place, calibration in enumerate(self.calibrations)
        ]
        answered = self.targets.capped(keras.ops, calibrated)
        probabilities = [tf.cast(tf.sigmoid(logit), tf.float32) for logit in answered]
        outputs = {"probability": probabilities[0], "logit": tf.cast(answered[0], tf.float32)}
        if self.targets.several:
            named = zip(self.targets.names, probabilities, strict=True)
            outputs |= {f"{PROBABILITY_OF}{name}": probability for name, probability in named}
        return outputs

    def _segment_ids(self, calibration: Calibration, ids: tf.Tensor) -> tf.Tensor | None:
        if not isinstance(calibration, PerSegment):
            return None
        return ids[:, segment_column(self.encoder.layout, calibration.feature)]

    def _encode(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = self.encoder(raw)
        return {"ids": encoded.ids, "values": encoded.values}


@dataclass(frozen=True)
class BundleTexts:
    """What travels beside the graph, as text: JSON, HTML and YAML."""

    report_json: str
    report_html: str
    task_yaml: str


def export(model: ServingModel, bundle: Path, texts: BundleTexts, warmup_rows: pl.DataFrame) -> None:
    """Write the SavedModel and what travels with it; the manifest is the registry's, and comes last.

    Args:
        model: What is exported.
        bundle: Directory to make.
        texts: Written to ``assets.extra/``.
        warmup_rows: A few impressions, typed, that the service scores before it says it is ready.
    """
    save(model, bundle, texts.task_yaml)
    (bundle / REPORT).write_text(texts.report_json, encoding="utf-8")
    (bundle / EXTRA / "report.html").write_text(texts.report_html, encoding="utf-8")
    (bundle / WARMUP).write_text(warmup_json(model.encoder.fitted, warmup_rows), encoding="utf-8")


def save(model: ServingModel, bundle: Path, task_yaml: str) -> None:
    """Write the SavedModel and what opens it: the spec with what was fitted, and the task file."""
    tf.saved_model.save(model, str(bundle), signatures=model.signatures())
    (bundle / EXTRA).mkdir(exist_ok=True)
    (bundle / FEATURE_SPEC).write_text(model.encoder.fitted.model_dump_json(), encoding="utf-8")
    (bundle / TASK).write_text(task_yaml, encoding="utf-8")


def warmup_json(fitted: FittedSpec, rows: pl.DataFrame) -> str:
    """Impressions as the body of a score request."""
    requests: list[dict[str, dict[str, object]]] = [{side: {} for side in Side} for _ in range(len(rows))]
    for raw in fitted.spec.log_inputs():
        column = rows[raw.column]
        for request, value, missing in zip(
            requests, column.to_list(), is_missing(raw.kind, column), strict=True
        ):
            if not missing:
                request[raw.side][raw.column] = value
    return json.dumps({"rows": requests}, ensure_ascii=False)
