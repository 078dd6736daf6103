"""Whether a network may be served without TensorFlow: it comes in with held-out impressions, checked ONNX graphs go out.

`training.pipeline` stores them beside the SavedModel; whatever differs from the original is not stored.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
from numpy.typing import NDArray

from features.encode_numpy import EncodedArrays, NumpyEncoder
from features.spec import Half
from registry.manifest import OnnxGraph
from training.encoding.encode import as_tensors, raw_arrays
from training.errors import ConversionError
from training.export.closeness import LOGIT_TOLERANCE, Outputs, distances
from training.export.export import ServingModel
from training.export.fuzz import odd_columns
from training.export.onnx_export import CANNOT_RUN, HALVES, Graphs, converted, session
from training.export.parity import in_batches

ODD_ROWS = 2_000
"""Impressions of odd values that both encoders encode, beside the held-out ones."""


def checked_graphs(serving: ServingModel, frame: pl.DataFrame) -> Graphs:
    """The network as ONNX graphs that answer as the original.

    Args:
        serving: What the SavedModel is exported from.
        frame: Typed held-out impressions.

    Raises:
        ConversionError: If the network does not convert, a logit differs from the original's by more than
            `LOGIT_TOLERANCE` in any of the outputs, or the encoders differ on a held-out or an odd impression.
    """
    encoder = NumpyEncoder(serving.encoder.fitted)
    inputs = encoder.fitted.spec.raw_inputs()
    # Odd values first: they need no conversion to be refused.
    _encoded_alike(serving, encoder, odd_columns(encoder.fitted, ODD_ROWS, seed=0))
    graphs = converted(serving)
    sessions = {name: session(graph) for name, graph in graphs.items()}
    for batch in in_batches(len(frame)):
        raw = raw_arrays(frame[batch], inputs)
        encoded = _encoded_alike(serving, encoder, raw)
        expected = {name: tensor.numpy() for name, tensor in serving.serve(as_tensors(raw)).items()}
        try:
            _check("network", expected, _run(sessions[OnnxGraph.NETWORK], encoded._asdict()))
            _check("states and joint part", expected, _run_parts(sessions, encoder, encoded))
        except CANNOT_RUN as error:
            raise ConversionError(f"the ONNX graphs do not run: {error}") from error
    return graphs


def store(graphs: Graphs, bundle: Path) -> None:
    """Write the graphs to where `service.models.onnx_model` looks for them, before the manifest is written."""
    for name, graph in graphs.items():
        path = bundle / name.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(graph)


def _encoded_alike(
    serving: ServingModel, encoder: NumpyEncoder, raw: Mapping[str, NDArray[Any]]
) -> EncodedArrays:
    """The encoding of a batch, on which both encoders agree."""
    theirs = serving.encode(as_tensors(raw))
    ours = encoder(raw)
    layout = encoder.layout
    _check_equal("id", layout.id_names, theirs["ids"].numpy(), ours.ids)
    _check_equal("value", [field.name for field in layout.values], theirs["values"].numpy(), ours.values)
    return ours


def _check_equal(
    what: str, names: list[str], expected: NDArray[np.generic], came: NDArray[np.generic]
) -> None:
    # Equal as numbers: whether a zero is negative depends in the graph on its place in the batch.
    different = expected != came
    if different.any():
        row, column = (int(place) for place in np.argwhere(different)[0])
        raise ConversionError(
            f"the {what} of {names[column]!r} is {expected[row, column]!r} in the graph and {came[row, column]!r} in "
            f"NumPy, for {int(different.any(axis=1).sum())} of {len(expected)} impressions"
        )


def _check(what: str, expected: Outputs, came: Outputs) -> None:
    if set(expected) != set(came):
        raise ConversionError(f"the {what} in ONNX answers {sorted(came)}; expected {sorted(expected)}")
    for name, apart in distances(expected, came).items():
        furthest = float(apart.max(initial=0.0))
        if not furthest <= LOGIT_TOLERANCE:  # NaN is too far as well
            raise ConversionError(
                f"{name} of the {what} in ONNX is {furthest:.2g} from the original's in the logit; "
                f"expected at most {LOGIT_TOLERANCE:g}"
            )


def _run_parts(
    sessions: Mapping[OnnxGraph, onnxruntime.InferenceSession], encoder: NumpyEncoder, encoded: EncodedArrays
) -> Outputs:
    layout = encoder.layout
    columns = {
        half: {
            "ids": encoded.ids[:, layout.id_slice(half)],
            "values": encoded.values[:, layout.value_slice(half)],
        }
        for half in Half
    }
    given: dict[str, NDArray[Any]] = {"of_user": np.arange(len(encoded.ids), dtype=np.int32)}
    for graph in (OnnxGraph.USER_STATE, OnnxGraph.ITEM_STATE):
        half = HALVES[graph]
        given[f"{half}_state"] = _run(sessions[graph], columns[half])["state"]
        given[f"{half}_ids"] = columns[half]["ids"]
    return _run(sessions[OnnxGraph.JOINT], given | columns[Half.JOINT])


def _run(graph: onnxruntime.InferenceSession, given: Mapping[str, NDArray[Any]]) -> Outputs:
    names = [output.name for output in graph.get_outputs()]
    taken = {one.name: np.ascontiguousarray(given[one.name]) for one in graph.get_inputs()}
    return dict(zip(names, graph.run(names, taken), strict=True))
