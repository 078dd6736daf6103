"""TensorFlow as the runtime: a SavedModel's directory comes in, a callable from arrays to probabilities goes out.

`service.models.loader` imports this file late, in its own thread: nothing else in the service touches TensorFlow.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from features.coded_texts import CodedTexts
from features.spec import RawInput, RawKind, argument_names
from registry.manifest import Split
from service.errors import CannotRankError, LoadError, ScoringError
from service.models.states import States

_SIGNATURE = "serving_default"
_PARTS = ("user_state", "item_state", "joint")
_OUTPUT = "probability"
_OF_TARGET = "probability_"
_DTYPES = {
    RawKind.TEXT: tf.string,
    RawKind.NUMBER: tf.float32,
    RawKind.TIME: tf.int64,
    RawKind.TEXTS: tf.string,
}


class SavedModelRuntime:
    """The concrete function behind ``serving_default``, called by keyword.

    Raises:
        LoadError: If the directory is no SavedModel, or its signature does not take the spec's raw inputs.
    """

    def __init__(self, directory: Path, inputs: Sequence[RawInput]) -> None:
        try:
            # The function does not keep the model alive, and without it the variables are gone.
            self._model = tf.saved_model.load(str(directory))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise LoadError(f"TensorFlow cannot load {directory}: {error}") from error
        if _SIGNATURE not in self._model.signatures:
            raise LoadError(
                f"{directory} has signatures {sorted(self._model.signatures)}; expected {_SIGNATURE!r}"
            )
        self._call = self._model.signatures[_SIGNATURE]
        self._user, self._item, self._joint = (self._model.signatures.get(name) for name in _PARTS)
        self._names = argument_names(inputs)
        self._dtypes = {self._names[raw.column]: _DTYPES[raw.kind] for raw in inputs}
        self._check_signature(directory)
        answered = sorted(self._call.structured_outputs)
        self._outputs = (_OUTPUT, *(name for name in answered if name.startswith(_OF_TARGET)))

    def probabilities(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """``probability`` of each row, shape ``(n,)``, and ``probability_<target>`` where the model has several targets.

        Raises:
            ScoringError: If the graph refuses the arrays.
        """
        answer = _called(self._call, self._tensors(arrays))
        return {name: answer[name] for name in self._outputs}

    def user_states(self, arrays: Mapping[str, NDArray[Any]]) -> States:
        """See `Runtime.user_states`."""
        return self._states(self._user, arrays)

    def item_states(self, arrays: Mapping[str, NDArray[Any]]) -> States:
        """See `Runtime.item_states`."""
        return self._states(self._item, arrays)

    def _states(self, call: Any, arrays: Mapping[str, NDArray[Any]]) -> States:
        answer = _called(call, self._tensors(arrays))
        return States(answer["state"], answer["ids"])

    def joint(
        self, users: States, of_user: NDArray[np.int32], items: States, arrays: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[np.float32]]:
        """See `Runtime.joint`."""
        given = {
            Split.USER_STATE: tf.constant(users.numbers),
            Split.USER_IDS: tf.constant(users.ids),
            Split.OF_USER: tf.constant(of_user, tf.int32),
            Split.ITEM_STATE: tf.constant(items.numbers),
            Split.ITEM_IDS: tf.constant(items.ids),
        }
        tensors = {name.value: tensor for name, tensor in given.items()}
        answer = _called(self._joint, tensors | self._tensors(arrays))
        return {name: answer[name] for name in self._outputs}

    def _tensors(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        named = {self._names[column]: _plain(array) for column, array in arrays.items()}
        return {name: tf.constant(array, self._dtypes[name]) for name, array in named.items()}

    def _check_signature(self, directory: Path) -> None:
        _, keywords = self._call.structured_input_signature
        # TensorFlow changes '.' and '-' in the keywords, and capital letters in the names.
        taken = {tensor.name.lower(): tensor.dtype for tensor in keywords.values()}
        expected = {name.lower(): dtype for name, dtype in self._dtypes.items()}
        if taken != expected:
            raise LoadError(
                f"{directory} takes {_listed(taken)}; its feature spec expects {_listed(expected)}"
            )
        if _OUTPUT not in self._call.structured_outputs:
            raise LoadError(
                f"{directory} answers {sorted(self._call.structured_outputs)}; expected {_OUTPUT!r} among them"
            )


def _plain(array: NDArray[Any] | CodedTexts) -> NDArray[Any]:
    return array.texts() if isinstance(array, CodedTexts) else array


def _called(call: Any, tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """A signature's answer by name.

    Raises:
        ScoringError: If the graph refuses the tensors.
        CannotRankError: If the version was exported before it had this signature.
    """
    if call is None:
        raise CannotRankError("the version was exported without states: train it anew to rank with it")
    try:
        return {name: tensor.numpy() for name, tensor in call(**tensors).items()}
    except tf.errors.OpError as error:
        raise ScoringError("the model could not compute an answer to these rows") from error


def use_threads(threads: int) -> None:
    """Let TensorFlow use this many cores; only before its first operation in this process."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _listed(dtypes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({dtype.name})" for name, dtype in sorted(dtypes.items()))
