"""From a trained network to a SavedModel: raw features in, probability and logit out, everything inside the graph.

`training.parity` compares the export with what was trained; `registry` publishes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import polars as pl
import tensorflow as tf

from features.encoder import Encoder, input_signature
from features.fitted import FittedSpec
from features.raw import MISSING_TEXT, MISSING_TIME
from features.spec import RawInput, RawKind
from registry.manifest import EXTRA
from training.calibration import Calibration, PerSegment, segment_column
from training.models import Family
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
        self.encoder = encoder
        # Tracked as plain variables: a tracked Keras model would add signatures of its own and store tables twice.
        self.weights = [variable.value for variable in network.variables]
        self._logits: Any = lambda ids, values: network((ids, values), training=False)
        self.keep_rate = keep_rate
        self.calibration = calibration
        self.further = tuple(further)
        self.targets = network.targets
        signature = [input_signature(encoder.fitted)]
        self.serve: Any = tf.function(self._serve, input_signature=signature)
        self.encode: Any = tf.function(self._encode, input_signature=signature)

    def _serve(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = self.encoder(raw)
        # In float64, as when it was judged: a curve may not turn near ties around by rounding.
        heads = tf.cast(self._logits(encoded.ids, encoded.values), tf.float64)
        heads = tf.reshape(heads, [-1, len(self.targets)])
        heads = self.targets.on_the_full_log(keras.ops, heads, self.keep_rate)
        calibrated = [
            calibration.compute(keras.ops, heads[:, place], self._segment_ids(calibration, encoded.ids))
            for place, calibration in enumerate((self.calibration, *self.further))
        ]
        logits = [tf.cast(logit, tf.float32) for logit in self.targets.capped(keras.ops, calibrated)]
        outputs = {"probability": tf.sigmoid(logits[0]), "logit": logits[0]}
        if self.targets.several:
            named = zip(self.targets.names, logits, strict=True)
            outputs |= {f"{PROBABILITY_OF}{name}": tf.sigmoid(logit) for name, logit in named}
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
    tf.saved_model.save(
        model, str(bundle), signatures={"serving_default": model.serve, "encode": model.encode}
    )
    extra = bundle / EXTRA
    extra.mkdir()
    fitted = model.encoder.fitted
    (extra / "feature_spec.json").write_text(fitted.model_dump_json(), encoding="utf-8")
    (extra / "report.json").write_text(texts.report_json, encoding="utf-8")
    (extra / "report.html").write_text(texts.report_html, encoding="utf-8")
    (extra / "axon.yaml").write_text(texts.task_yaml, encoding="utf-8")
    (extra / "warmup.json").write_text(warmup_json(fitted, warmup_rows), encoding="utf-8")


def warmup_json(fitted: FittedSpec, rows: pl.DataFrame) -> str:
    """Impressions as the body of a score request."""
    inputs = fitted.spec.log_inputs()
    requests: list[dict[str, dict[str, object]]] = []
    for values in rows.select([raw.column for raw in inputs]).iter_rows(named=True):
        request: dict[str, dict[str, object]] = {"user": {}, "item": {}, "context": {}}
        for raw in inputs:
            if not _is_missing(raw, values[raw.column]):
                request[raw.side][raw.column] = values[raw.column]
        requests.append(request)
    return json.dumps({"rows": requests}, ensure_ascii=False)


def _is_missing(raw: RawInput, value: Any) -> bool:
    match raw.kind:
        case RawKind.TEXT:
            return bool(value == MISSING_TEXT)
        case RawKind.NUMBER:
            return bool(value != value)  # noqa: PLR0124  # only NaN differs from itself
        case RawKind.TIME:
            return bool(value == MISSING_TIME)
        case RawKind.TEXTS:
            return not value
