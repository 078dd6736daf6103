"""How the layers of a network are while it learns: one fixed batch of the validation slice comes in, looks go out.

`training.fitting.descent` takes a look at every check; it tells dying, saturating and starving layers from healthy ones.
"""

from contextlib import ExitStack
from typing import Any

import tensorflow as tf

from training.calibration import undo_downsampling
from training.encoding.store import EncodedStore
from training.fitting.losses import binary_crossentropy
from training.models import Family
from training.models.anatomy import Activation, layers_by_name, own_weights
from training.report.insights import LayerLook

LOOK_IMPRESSIONS = 2048
"""Impressions of the batch: a unit that none of them activates is called dead."""

NEAR_END = 0.05
"""Share of an activation's range at each end where it saturates: the slope is less than a fifth of its steepest."""

_NEVER_ACTIVE = {"relu", "relu6"}
_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


class LayerWatch:
    """Looks at every layer of a network on the same impressions each time.

    Args:
        network: With all of its weights made.
        validation: Where the impressions come from, evenly spread.
        keep_rate: Share of non-clicks kept for training; the gradient is that of the loss on the full log.
    """

    def __init__(self, network: Family, validation: EncodedStore, keep_rate: float) -> None:
        self.network = network
        self.keep_rate = keep_rate
        self.layers = layers_by_name(network)
        records = validation.spread(LOOK_IMPRESSIONS)
        self.batch = [tf.constant(records[part]) for part in ("ids", "values", "clicked")]
        self._measure = self._compiled()

    def _compiled(self) -> Any:
        if tf.config.functions_run_eagerly():
            return self._measured
        # Traced here and once: called as it is, TensorFlow warns that each of several networks is traced anew.
        return tf.function(self._measured).get_concrete_function(*self.batch)

    def look(self) -> dict[str, LayerLook]:
        """Every layer as it is now."""
        measured = self._measure(*self.batch)
        return {
            name: LayerLook(**{measure: float(figure) for measure, figure in figures.items()})
            for name, figures in measured.items()
        }

    def _measured(self, ids: Any, values: Any, clicked: Any) -> dict[str, dict[str, Any]]:
        weights = {
            name: [weight.value for layer in layers for weight in own_weights(layer)]
            for name, layers in self.layers.items()
        }
        with tf.GradientTape() as tape, ExitStack() as stack:
            heard = {
                name: [
                    (layer.of, stack.enter_context(layer.listening()))
                    for layer in layers
                    if isinstance(layer, Activation)
                ]
                for name, layers in self.layers.items()
            }
            logits = self.network((ids, values), training=False)  # (n,)
            # Of several targets the first is looked at.
            logits = logits[:, 0] if self.network.targets.several else logits
            logits = undo_downsampling(logits, self.keep_rate)
            loss = tf.reduce_mean(binary_crossentropy(logits, clicked))
        gradients = tape.gradient(loss, weights)
        return {name: _norm_of(gradients[name]) | _activity_of(heard[name]) for name in self.layers}


def _norm_of(gradients: list[Any]) -> dict[str, Any]:
    squares = [tf.reduce_sum(tf.square(_summed(gradient))) for gradient in gradients if gradient is not None]
    return {"gradient_norm": tf.sqrt(tf.add_n(squares))} if squares else {}


def _summed(gradient: Any) -> Any:
    """The gradient with the lookups of one row of a table added up, and without the rows that nobody looked up."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    _, places = tf.unique(tf.reshape(gradient.indices, [-1]))
    rows = tf.reshape(gradient.values, [-1, gradient.values.shape[-1]])
    return tf.math.unsorted_segment_sum(rows, places, tf.reduce_max(places) + 1)


def _activity_of(heard: list[tuple[str, list[Any]]]) -> dict[str, Any]:
    """What the activations of one layer, ``(..., units)`` each, say of it."""
    found: dict[str, Any] = {}
    for activation, outputs in heard:
        for output in outputs:
            units = tf.reshape(output, [-1, output.shape[-1]])
            if activation in _NEVER_ACTIVE:
                found["dead"] = tf.reduce_mean(tf.cast(tf.reduce_all(units <= 0.0, axis=0), tf.float32))
            if activation in _RANGES:
                low, high = _RANGES[activation]
                room = NEAR_END * (high - low)
                near = (units < low + room) | (units > high - room)
                found["saturated"] = tf.reduce_mean(tf.cast(near, tf.float32))
    return found
