"""Where what happened before is looked up: key columns come in, history columns go out; siblings of one shape.

`service.past.past` asks one: the packed snapshot of a version, or a store that somebody keeps up to date.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.raw import MISSING_TEXT, to_array
from features.spec import FeatureSpec, RawInput, RawKind, Recent
from history import History, HistoryStore, Impressions, KeyColumn, Questions
from history.packed.coded import Coded, Int32Array, in_codes
from history.packed.packed import PackedHistory

Key = KeyColumn | Coded
"""A key column as a source knows it: it can be made once for a catalog, taken from and repeated."""

Int64Array = NDArray[np.int64]
_ALL_KNOWN = np.iinfo(np.int64).max


class Source(Protocol):
    """What happened before; several threads may ask at once."""

    def key(self, raw: RawInput, values: Sequence[Any]) -> Key:
        """A key column of read values: texts, or lists of texts where the column is multi-valued."""

    def kept(self, raw: RawInput, values: KeyColumn, edition: int) -> Key:
        """A key column of some rows of a catalog, whose names are looked up once.

        Args:
            raw: The column.
            values: The rows; their ``names`` are the same list at every call, to which new ones are added.
            edition: Another number once a name of the list has become another one.
        """

    def ask(
        self, keys: Mapping[str, Key], at_ms: Int64Array, features: Collection[str]
    ) -> Mapping[str, NDArray[Any]]:
        """The history columns of some features: float32 ``(size,)``, or texts ``(size, longest)``.

        Args:
            keys: The columns that the features count by, each of the source's own making and of one size.
            at_ms: Time of each impression, shape ``(size,)``, or ``(1,)`` for all of them.
            features: Their names.

        Raises:
            StoreError: If the store does not answer.
        """


@dataclass(frozen=True)
class _Names:
    """The names of a catalog's column, and their codes in a snapshot."""

    names: Sequence[str]
    edition: int
    codes: Int32Array


class Snapshot:
    """What was known at the end of training.

    Args:
        packed: The files of the version.
    """

    def __init__(self, packed: PackedHistory) -> None:
        self._packed = packed
        self._known: dict[str, _Names] = {}

    def key(self, raw: RawInput, values: Sequence[Any]) -> Coded:
        if raw.kind is RawKind.TEXTS:
            return self._packed.code_lists(raw.column, values)
        return self._packed.code_texts(raw.column, values)

    def kept(self, raw: RawInput, values: KeyColumn, edition: int) -> Coded:
        known = self._known.get(raw.column)
        if known is None or known.names is not values.names or known.edition != edition:
            known = _Names(values.names, edition, np.zeros(0, np.int32))
        if len(known.codes) < len(values.names):
            new = self._packed.tokens[raw.column].code(values.names[len(known.codes) :])
            known = replace(known, codes=np.concatenate([known.codes, new]))
        self._known[raw.column] = known
        return in_codes(known.codes, values)

    def ask(
        self, keys: Mapping[str, Key], at_ms: Int64Array, features: Collection[str]
    ) -> Mapping[str, NDArray[Any]]:
        return self._packed.ask(keys, at_ms, features)  # type: ignore[arg-type]  # of this source's own making


class Live:
    """What a store knows now.

    Args:
        spec: Of the model.
        store: That somebody keeps up to date.
    """

    def __init__(self, spec: FeatureSpec, store: HistoryStore) -> None:
        self._features = spec.history
        self._lists = [raw for raw in spec.raw_inputs() if raw.history and raw.kind is RawKind.TEXTS]
        self._store = store

    def key(self, raw: RawInput, values: Sequence[Any]) -> KeyColumn:
        del raw  # texts and lists of texts are told apart
        return KeyColumn.of(values)

    def kept(self, raw: RawInput, values: KeyColumn, edition: int) -> KeyColumn:
        del raw, edition  # a store is asked by texts
        return values

    def ask(
        self, keys: Mapping[str, Key], at_ms: Int64Array, features: Collection[str]
    ) -> Mapping[str, NDArray[Any]]:
        wanted = [feature for feature in self._features if feature.name in features]
        size = next(iter(keys.values())).size
        columns = {name: keys[name].compact() for feature in wanted for name in feature.of}  # type: ignore[union-attr]  # of this source's own making
        for feature in wanted:
            if isinstance(feature, Recent):
                # Who only asks has nothing to be collected.
                columns.setdefault(feature.collects, KeyColumn.of([MISSING_TEXT]).repeated(size))
        questions = Questions(np.arange(size), np.broadcast_to(at_ms, (size,)), np.full(size, _ALL_KNOWN))
        told = History(wanted, self._store).ask(Impressions(columns, size), questions)
        lists = {
            raw.column: to_array(raw, told.lists[raw.column])
            for raw in self._lists
            if raw.column in told.lists
        }
        return told.numbers | lists
