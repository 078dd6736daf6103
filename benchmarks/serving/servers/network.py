"""The published network as other people would serve it: columns of JSON values come in, probabilities go out.

The SavedModel's concrete function is called by keyword, with every candidate through the whole network; what happened
before is asked of the same code as Axon's own. The careful service and the peers of this folder use it.
"""

import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.serving.servers.questions import MODEL, Column, Reader, Values
from features.coded_texts import CodedTexts
from features.raw import read_column, to_array
from features.spec import RawKind
from history.packed.packed import PackedHistory
from registry.manifest import HISTORY, read_manifest
from registry.version import Version
from service.past.past import Past
from service.past.sources import Snapshot
from service.scoring.rows import Columns, request_inputs

_DTYPES = {
    RawKind.TEXT: tf.string,
    RawKind.NUMBER: tf.float32,
    RawKind.TIME: tf.int64,
    RawKind.TEXTS: tf.string,
}


class Network:
    """A version from its directory, called as a SavedModel."""

    def __init__(self, directory: Path) -> None:
        version = Version(directory.parent.name, int(directory.name), directory)
        manifest, spec = read_manifest(directory), version.fitted_spec().spec
        self.inputs = request_inputs(spec, manifest.impression_time)
        columns = [Column(raw.column, raw.side.value) for raw in self.inputs]
        self.reader = Reader(columns, manifest.user_key, manifest.item_key)
        self._keys = {raw.column for raw in spec.key_inputs()}
        self._dtypes = {raw.column: _DTYPES[raw.kind] for raw in spec.raw_inputs()}
        self._past = None
        if spec.history:
            packed = PackedHistory.open(directory / HISTORY, spec.history)
            self._past = Past(Snapshot(packed), spec, manifest)
        self._model = tf.saved_model.load(str(directory))
        self._call = self._model.signatures["serving_default"]
        # What TensorFlow has loaded stays: walking through it took the collector 40 % of a busy server's time.
        gc.collect()
        gc.freeze()
        # Nor need it look at the thousands of objects of each request.
        gc.set_threshold(50_000, 10, 10)

    @classmethod
    def named(cls) -> "Network":
        """The one that the environment names."""
        return cls(Path(os.environ[MODEL]))

    def probabilities(self, values: Values) -> list[float]:
        """One probability per row of the columns."""
        arrays: Mapping[str, Any] = self._arrays(values)
        tensors = {name: tf.constant(array, self._dtypes[name]) for name, array in arrays.items()}
        probabilities: list[float] = self._call(**tensors)["probability"].numpy().tolist()
        return probabilities

    def _arrays(self, values: Values) -> Mapping[str, Any]:
        arrays: dict[str, np.ndarray] = {}
        keys: dict[str, Any] = {}
        for raw in self.inputs:
            column, unreadable = read_column(raw, values[raw.column], text=False)
            if unreadable:
                raise ValueError(f"{raw.column}: {unreadable[0].reason}")
            arrays[raw.column] = to_array(raw, column)
            if raw.column in self._keys:
                keys[raw.column] = column
        if self._past is None:
            return arrays
        filled = self._past.filled(Columns(arrays, keys))
        return {
            name: array.texts() if isinstance(array, CodedTexts) else array for name, array in filled.items()
        }
