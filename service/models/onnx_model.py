"""ONNX Runtime as the runtime: a version's directory comes in, its network without TensorFlow goes out.

`service.models.loader` imports this file where a version carries the graphs that `training.export.onnx_check` stored. The three parts
make the whole path too, so that no weight is in memory twice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from features.encode_numpy import EncodedArrays, NumpyEncoder
from features.fitted import FittedSpec
from features.spec import Cross, Half
from registry.manifest import OnnxGraph
from service.errors import LoadError, ScoringError
from service.models.live import Answers, Arrays
from service.models.states import States

_CANNOT_LOAD = (
    OSError,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What ONNX Runtime fails with: its errors have no base of their own."""

_CANNOT_RUN = (ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.RuntimeException)
_PROBABILITY = "probability"


class OnnxRuntime:
    """The encoder in NumPy, and behind it the network in three graphs.

    Args:
        directory: Of the version.
        fitted: What the encoder needs.
        threads: Cores for one request; None for all.

    Raises:
        LoadError: If a graph is not there, or ONNX Runtime cannot load it.
    """

    def __init__(self, directory: Path, fitted: FittedSpec, threads: int | None = None) -> None:
        self._encoder = NumpyEncoder(fitted)
        layout = self._encoder.layout
        self._slices = {half: (layout.id_slice(half), layout.value_slice(half)) for half in Half}
        self._crosses = any(isinstance(feature, Cross) for feature in fitted.spec.in_half(Half.JOINT))
        self._states = {
            Half.USER: _Graph(directory / OnnxGraph.USER_STATE.file, threads),
            Half.ITEM: _Graph(directory / OnnxGraph.ITEM_STATE.file, threads),
        }
        self._joint = _Graph(directory / OnnxGraph.JOINT.file, threads)

    def probabilities(self, arrays: Arrays) -> Answers:
        """See `Runtime.probabilities`."""
        encoded = self._encoder(arrays)
        users, items, joint = (self._columns(encoded, half) for half in Half)
        of_user = np.arange(len(encoded.ids), dtype=np.int32)
        return self._answers(self._state(Half.USER, users), of_user, self._state(Half.ITEM, items), joint)

    def user_states(self, arrays: Arrays) -> States:
        """See `Runtime.user_states`."""
        return self._state(Half.USER, self._encoder.half(Half.USER, arrays))

    def item_states(self, arrays: Arrays) -> States:
        """See `Runtime.item_states`."""
        return self._state(Half.ITEM, self._encoder.half(Half.ITEM, arrays))

    def joint(self, users: States, of_user: NDArray[np.int32], items: States, arrays: Arrays) -> Answers:
        """See `Runtime.joint`."""
        known: dict[Half, NDArray[np.int32]] = {}
        if self._crosses:
            known = {Half.USER: np.take(users.ids, of_user, axis=0), Half.ITEM: items.ids}
        encoded = self._encoder.half(Half.JOINT, arrays, known=known, rows=len(of_user))
        return self._answers(users, of_user, items, encoded)

    def _columns(self, encoded: EncodedArrays, half: Half) -> EncodedArrays:
        ids, values = self._slices[half]
        return EncodedArrays(
            np.ascontiguousarray(encoded.ids[:, ids]), np.ascontiguousarray(encoded.values[:, values])
        )

    def _state(self, half: Half, encoded: EncodedArrays) -> States:
        answer = self._states[half].run({"ids": encoded.ids, "values": encoded.values})
        return States(answer["state"], encoded.ids)

    def _answers(
        self, users: States, of_user: NDArray[np.int32], items: States, joint: EncodedArrays
    ) -> Answers:
        given = {
            "user_state": users.numbers,
            "user_ids": users.ids,
            "of_user": of_user,
            "item_state": items.numbers,
            "item_ids": items.ids,
            "ids": joint.ids,
            "values": joint.values,
        }
        return self._joint.run(given)


class _Graph:
    """One ONNX graph, called by name."""

    def __init__(self, path: Path, threads: int | None) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                path, _options(threads), providers=["CPUExecutionProvider"]
            )
        except _CANNOT_LOAD as error:
            raise LoadError(f"ONNX Runtime cannot load {path}: {error}") from error
        self._inputs = [one.name for one in self._session.get_inputs()]
        answered = [one.name for one in self._session.get_outputs()]
        self._outputs = [name for name in answered if name == "state" or name.startswith(_PROBABILITY)]

    def run(self, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """The answers by name.

        Raises:
            ScoringError: If the graph refuses the arrays.
        """
        try:
            answers = self._session.run(self._outputs, {name: given[name] for name in self._inputs})
        except _CANNOT_RUN as error:
            raise ScoringError("the model could not compute an answer to these rows") from error
        return dict(zip(self._outputs, answers, strict=True))


def _options(threads: int | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0 is one per core
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the core from decoding the next request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without the arena and patterns of memory for every batch size that ever came, memory stays where it is.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # errors alone
    return options
