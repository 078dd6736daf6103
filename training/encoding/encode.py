"""One pass of the encoder over the log: `LogChunk` frames in, an `EncodedStore` per slice out."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf
from numpy.typing import NDArray

from features.encoder import Encoded, Encoder, input_signature
from features.raw import to_array
from features.spec import RawInput, RawKind

UNKNOWN_IS_MISSING = -1
"""In the place of a number of OOV ids: an unknown value gets the id of a missing one, and so does a dropped one."""


def raw_tensors(frame: pl.DataFrame, raw_inputs: tuple[RawInput, ...]) -> dict[str, tf.Tensor]:
    """The encoder's inputs from a typed frame with one column per raw input."""
    return as_tensors(raw_arrays(frame, raw_inputs))


def raw_arrays(frame: pl.DataFrame, raw_inputs: tuple[RawInput, ...]) -> dict[str, NDArray[Any]]:
    """The same as arrays, by column."""
    return {raw.column: _array(raw, frame[raw.column]) for raw in raw_inputs}


def as_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, tf.Tensor]:
    """Arrays of raw columns as tensors; those of objects hold text."""
    return {
        column: tf.constant(array, tf.string) if array.dtype == object else tf.constant(array)
        for column, array in arrays.items()
    }


def compiled(encoder: Encoder) -> Callable[[Mapping[str, tf.Tensor]], Encoded]:
    """The encoder as one graph, traced once for batches of any size."""
    function: Any = tf.function(encoder.__call__, input_signature=[input_signature(encoder.fitted)])
    return function  # type: ignore[no-any-return]


def droppable_columns(encoder: Encoder) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The number of OOV ids for each id column of a vocabulary with single values, 0 for the others; ``(id_width,)``.

    `UNKNOWN_IS_MISSING` where the encoder makes an unknown value a missing one.
    """
    columns = np.zeros(encoder.layout.id_width, np.int32)
    oov_ids = {
        feature.name: UNKNOWN_IS_MISSING if feature.oov == "missing" else feature.oov_buckets
        for feature in encoder.fitted.spec.features()
        if feature.kind == "categorical"
    }
    for field in encoder.layout.ids:
        columns[field.start : field.stop] = oov_ids.get(field.name, 0)
    return columns


def _array(raw: RawInput, column: pl.Series) -> NDArray[Any]:
    if raw.kind in {RawKind.NUMBER, RawKind.TIME}:
        return column.to_numpy()
    return to_array(raw, column.to_list())
