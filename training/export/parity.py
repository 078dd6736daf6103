"""Zero skew, checked: the export, loaded in a fresh process, must answer what was trained, to the last bit.

The pipeline calls `check_parity` before anything is published. Run as a module, this file is the fresh process.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.errors import SkewError
from training.export.closeness import LOGIT_TOLERANCE, Outputs, distances

PARITY_ROWS = 10_000
"""Held-out impressions that are compared."""

_BATCH_ROWS = 1_000
_WHOLE, _SPLIT = "whole_", "split_"


@dataclass(frozen=True)
class Answers:
    """What one side says about the same impressions: encoded ids and values, and probabilities.

    Probabilities are ``(n, outputs)``: ``probability``, and then ``probability_<target>`` by name where there are several.
    """

    ids: NDArray[np.int32]
    values: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def check_parity(bundle: Path, frame: pl.DataFrame, trained: Answers, work_dir: Path) -> None:
    """Compare the export in a fresh process with the answers from training.

    Args:
        bundle: The exported SavedModel.
        frame: Typed held-out impressions.
        trained: Cached encodings and the in-memory graph's probabilities for the same impressions, in batches of the
            same size.
        work_dir: For the files between the two processes.

    Raises:
        SkewError: If a single bit differs; names the first column that does.
    """
    compare(trained, answers_of_fresh_process(bundle, frame, work_dir), column_names(bundle))


def answers_of_fresh_process(bundle: Path, frame: pl.DataFrame, work_dir: Path) -> Answers:
    """What the export says when nothing but its files is there.

    Raises:
        SkewError: If the process fails, or the states and the joint part give other logits than the whole network.
    """
    questions, answers = work_dir / "parity.arrow", work_dir / "parity.npz"
    frame.write_ipc(questions)
    command = [sys.executable, "-m", "training.export.parity", str(bundle), str(questions), str(answers)]
    # The same search path as here, so that a checkout that is not installed finds itself too.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if done.returncode:
        raise SkewError(f"expected the export to load in a fresh process, it failed:\n{done.stderr[-2000:]}")
    with np.load(answers, allow_pickle=False) as arrays:
        check_split(_named(arrays, _WHOLE), _named(arrays, _SPLIT))
        return Answers(arrays["ids"], arrays["values"], arrays["probabilities"])


def check_split(whole: Outputs, split: Outputs) -> None:
    """Refuse states and a joint part that do not add up to the whole network.

    Args:
        whole: What the whole network answers, by output, each ``(n,)``.
        split: The same of the same impressions from the states of both sides.

    Raises:
        SkewError: Names the output, the first impression and both answers.
    """
    for name, apart in distances(whole, split).items():
        far = ~(apart <= LOGIT_TOLERANCE)  # NaN is too far as well
        if far.any():
            row = int(np.flatnonzero(far)[0])
            raise SkewError(
                f"expected the user's and the item's state and the joint part to give the network's {name} within "
                f"{LOGIT_TOLERANCE} in the logit; {int(far.sum())} of {len(far)} held-out impressions differ, first number "
                f"{row}: whole {whole[name][row]!r}, split {split[name][row]!r}; the model is not published"
            )


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Outputs:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def compare(trained: Answers, exported: Answers, names: tuple[list[str], list[str], list[str]]) -> None:
    """Refuse any difference in the bits.

    Raises:
        SkewError: Names the feature, the first impression and both values.
    """
    _compare_columns("encoded id", trained.ids, exported.ids, names[0])
    _compare_columns("encoded value", trained.values, exported.values, names[1])
    _compare_columns("output", trained.probabilities, exported.probabilities, names[2])


def column_names(bundle: Path) -> tuple[list[str], list[str], list[str]]:
    """The feature behind each id column and each value column, and the name of each probability."""
    from training.export.loaded import LoadedModel  # noqa: PLC0415  # TensorFlow, needed here only

    model = LoadedModel.open(bundle)
    layout = model.fitted.layout()
    return (
        layout.id_names,
        [field.name for field in layout.values],
        ["probability", *model.target_outputs],
    )


def probabilities_of(outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The probabilities among the outputs of a graph, ``(n, outputs)``, by name."""
    names = sorted(name for name in outputs if name.startswith("probability"))
    return np.stack([outputs[name] for name in names], axis=1)


def in_batches(rows: int) -> list[slice]:
    """The batches that both sides use: the shape of a batch moves the last bits of a matrix product."""
    return [slice(start, min(start + _BATCH_ROWS, rows)) for start in range(0, rows, _BATCH_ROWS)]


def _compare_columns(
    what: str, trained: NDArray[np.generic], exported: NDArray[np.generic], names: list[str]
) -> None:
    if trained.shape != exported.shape or trained.dtype != exported.dtype:
        raise SkewError(
            f"{what}: expected {trained.dtype} {trained.shape}, the export gives {exported.dtype} {exported.shape}"
        )
    different = trained.view(np.int32) != exported.view(np.int32)
    if different.any():
        row, column = (int(place) for place in np.argwhere(different)[0])
        raise SkewError(
            f"{what} of {names[column]!r} differs for {int(different.any(axis=1).sum())} of {len(trained)} held-out "
            f"impressions, first for number {row}: trained {trained[row, column]!r}, "
            f"exported {exported[row, column]!r}; the model is not published"
        )


def _main(bundle: Path, questions: Path, answers: Path) -> None:
    from training.export.loaded import LoadedModel  # noqa: PLC0415  # TensorFlow, needed by the fresh process only

    model = LoadedModel.open(bundle)
    frame = pl.read_ipc(questions)
    batches = [frame[batch] for batch in in_batches(len(frame))]
    encoded = [model.encoded(batch) for batch in batches]
    whole, split = (_joined(way, batches) for way in (model.outputs, model.split_outputs))
    prefixed: dict[str, Any] = {f"{_WHOLE}{name}": array for name, array in whole.items()}
    prefixed |= {f"{_SPLIT}{name}": array for name, array in split.items()}
    np.savez(
        answers,
        ids=np.concatenate([ids for ids, _ in encoded]),
        values=np.concatenate([values for _, values in encoded]),
        probabilities=probabilities_of(whole),
        **prefixed,
    )


def _joined(answer: Callable[[pl.DataFrame], Outputs], batches: Sequence[pl.DataFrame]) -> Outputs:
    parts = [answer(batch) for batch in batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


if __name__ == "__main__":
    _main(*(Path(argument) for argument in sys.argv[1:4]))
