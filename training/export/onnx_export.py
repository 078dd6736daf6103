"""From a serving model to ONNX: the network behind the encoder comes in, one graph for each of its parts goes out.

`training.export.onnx_check` compares them with the original and stores them. The encoder stays behind: look-ups of text do not
convert, and `features.encode_numpy` takes their place.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import tensorflow as tf
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from features.spec import Half
from registry.manifest import OnnxGraph
from training.errors import ConversionError
from training.export.export import ServingModel

OPSET = 18
_INT32, _FLOAT64 = 6, 11  # ONNX's numbers of types

Graphs = dict[OnnxGraph, bytes]
"""Serialised ONNX models."""

HALVES = {
    OnnxGraph.USER_STATE: Half.USER,
    OnnxGraph.ITEM_STATE: Half.ITEM,
    OnnxGraph.JOINT: Half.JOINT,
}
"""The half whose encoded columns a graph takes; `OnnxGraph.NETWORK` takes all."""

_CANNOT_CONVERT = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, tf.errors.OpError)
"""What tf2onnx fails with: it has no errors of its own."""

CANNOT_RUN = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What ONNX Runtime fails with: they have no base of their own."""


class _Source(NamedTuple):
    """What a graph is traced from."""

    function: Callable[..., Any]
    inputs: list[tf.TensorSpec]


def converted(serving: ServingModel) -> Graphs:
    """Every part of the network as ONNX, each opened once to see that it is complete.

    ``user_state`` and ``item_state`` take ``ids`` and ``values`` of their half and answer ``state``. ``joint`` takes
    ``user_state``, ``user_ids``, ``of_user``, ``item_state`` and ``item_ids``, of which it leaves out what it does not
    need, beside ``ids`` and ``values`` of the joint half. ``network`` takes ``ids`` and ``values`` of all halves. Both
    answer as ``serving_default`` does.

    Raises:
        ConversionError: If an operation of the network has no counterpart.
    """
    graphs: Graphs = {}
    for graph, source in _sources(serving).items():
        try:
            with _narrowed(serving, graph), _quiet():
                graphs[graph] = _convert(source)
            session(graphs[graph])
        except (*_CANNOT_CONVERT, *CANNOT_RUN) as error:
            reason = str(error).strip().partition("\n")[0][:300]
            raise ConversionError(
                f"{graph} does not convert to ONNX: {type(error).__name__}: {reason}"
            ) from error
    return graphs


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """The graph, ready to run."""
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def _sources(serving: ServingModel) -> dict[OnnxGraph, _Source]:
    layout = serving.encoder.layout

    def columns(half: Half | None) -> list[tf.TensorSpec]:
        id_width = layout.id_width if half is None else sum(field.width for field in layout.ids_of(half))
        value_width = layout.value_width if half is None else len(layout.values_of(half))
        return [
            tf.TensorSpec([None, id_width], tf.int32, name="ids"),
            tf.TensorSpec([None, value_width], tf.float32, name="values"),
        ]

    def state(half: Half) -> _Source:
        def compute(ids: Any, values: Any) -> dict[str, Any]:
            return {"state": serving.state(half, ids, values)}

        return _Source(compute, columns(half))

    def network(ids: Any, values: Any) -> dict[str, Any]:
        return serving.outputs(serving.logits(ids, values), ids)

    states = {half: state(half) for half in (Half.USER, Half.ITEM)}
    return {
        OnnxGraph.NETWORK: _Source(network, columns(None)),
        OnnxGraph.USER_STATE: states[Half.USER],
        OnnxGraph.ITEM_STATE: states[Half.ITEM],
        OnnxGraph.JOINT: _joint(serving, states, columns),
    }


def _joint(
    serving: ServingModel,
    states: dict[Half, _Source],
    columns: Callable[[Half], list[tf.TensorSpec]],
) -> _Source:
    def compute(*given: Any) -> dict[str, Any]:
        user_state, user_ids, of_user, item_state, item_ids, ids, values = given
        logits = serving.joint(user_state, of_user, item_state, ids, values)
        return serving.outputs(logits, tf.concat([tf.gather(user_ids, of_user), item_ids, ids], axis=1))

    inputs: list[tf.TensorSpec] = []
    for half, source in states.items():
        answer = tf.function(source.function).get_concrete_function(*source.inputs).structured_outputs
        width = answer["state"].shape[1]
        inputs.append(tf.TensorSpec([None, width], tf.float32, name=f"{half}_state"))
        inputs.append(tf.TensorSpec(source.inputs[0].shape, tf.int32, name=f"{half}_ids"))
        if half is Half.USER:
            inputs.append(tf.TensorSpec([None], tf.int32, name="of_user"))
    return _Source(compute, [*inputs, *columns(Half.JOINT)])


def _convert(source: _Source) -> bytes:
    import tf2onnx  # noqa: PLC0415  # needed by a publication only, and slow

    # A fresh function: one that was traced before holds the whole table of embeddings.
    function = tf.function(source.function, input_signature=source.inputs)
    model, _ = tf2onnx.convert.from_function(
        function,
        source.inputs,
        opset=OPSET,
        custom_op_handlers={name: (handler, []) for name, handler in _HANDLERS.items()},
    )
    serialised: bytes = model.SerializeToString()
    return serialised


def _erfc(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """``erfc(x)``, of which the exact GELU is made, as ``1 - erf(x)``."""
    one = graph.make_const(f"{name}__one", np.float32(1.0)).output[0]
    erf = graph.make_node("Erf", node.input, name=f"{name}__erf").output[0]
    _replace(graph, node, "Sub", [one, erf])


def _log1p(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """``log1p(x)``, of which calibrations are made in float64, as ``log(1 + x)``."""
    one = graph.make_const(f"{name}__one", np.float64(1.0)).output[0]
    wide = graph.make_node("Cast", node.input, attr={"to": _FLOAT64}, name=f"{name}__wide").output[0]
    increased = graph.make_node("Add", [wide, one], name=f"{name}__increased").output[0]
    logarithm = graph.make_node("Log", [increased], name=f"{name}__log").output[0]
    _replace(graph, node, "Cast", [logarithm], {"to": node.output_dtypes[0]})


def _lower_bound(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """``searchsorted`` of one row, by which a segment's curve is found: how many sorted values are smaller."""
    ends = graph.make_const(f"{name}__last", np.array([-1], np.int64)).output[0]
    columns = graph.make_node("Unsqueeze", [node.input[1], ends], name=f"{name}__columns").output[
        0
    ]  # (1, n, 1)
    smaller = graph.make_node("Less", [node.input[0], columns], name=f"{name}__smaller").output[
        0
    ]  # (1, n, k)
    counted = graph.make_node("Cast", [smaller], attr={"to": _INT32}, name=f"{name}__counted").output[0]
    _replace(graph, node, "ReduceSum", [counted, ends], {"keepdims": 0})


_HANDLERS = {"Erfc": _erfc, "Log1p": _log1p, "LowerBound": _lower_bound}
"""What the converter lacks, by the name of the operation."""


def _replace(graph: Any, node: Any, operation: str, inputs: list[str], attr: Any = None) -> None:
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(
        operation, inputs, attr=attr, name=node.name, outputs=node.output, shapes=shapes, dtypes=dtypes
    )


@contextmanager
def _narrowed(serving: ServingModel, graph: OnnxGraph) -> Iterator[None]:
    """While it is open, the network's tables hold only what the graph looks up."""
    with ExitStack() as stack:
        if graph in HALVES:
            for embedding in serving.field_embeddings():
                stack.enter_context(embedding.narrowed(HALVES[graph]))
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what the converter tells about every operation from the user's screen."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow", "absl")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
