"""Packs the records of a store for speed: a store comes in, the files of a `PackedHistory` go out.

`training.replay.replay` calls it at the end of training.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from features.spec import Activity, Recent
from history.columns import SEPARATOR, Int64Array
from history.counters import Counters
from history.packed.coded import Int32Array
from history.packed.files import Files
from history.packed.keys import KeyIndex
from history.recent import Sequences
from history.stores.store import Listing


def pack(features: Sequence[Activity | Recent], store: Listing, directory: Path) -> None:
    """Write what a store holds of some features, so that `PackedHistory.open` finds it.

    Raises:
        StoreError: If the store cannot be read, or holds records of another definition.
        OSError: If the disc cannot take it.
    """
    collected = (feature.collects for feature in features if isinstance(feature, Recent))
    columns = [*(column for feature in features for column in feature.of), *collected]
    files, tokens = Files(directory), _Tokens(columns)
    read = [(feature, *_read(feature, store, tokens)) for feature in features]
    lists = {
        feature.name: _items(feature, records, tokens)
        for feature, _, records in read
        if isinstance(feature, Recent)
    }
    files.write_tokens(tokens.names())
    for feature, keys, records in read:
        # All tokens are known only now.
        sizes = [tokens.size(column) for column in feature.of]
        index, places = KeyIndex.of(keys, sizes)
        files.write(feature, **{f"keys{place}": level for place, level in enumerate(index.levels, 1)})
        size = 1 + (len(index.levels[-1]) - 1 if index.levels else sizes[0])
        if isinstance(feature, Activity):
            counters = Counters(feature)
            by_place = np.zeros((size, counters.width))
            by_place[places] = counters.decoded(records)
            files.write(feature, records=by_place)
        else:
            starts, items = _by_place(lists[feature.name], places, size)
            files.write(feature, starts=starts, items=items)


class _Tokens:
    """The tokens of every key column, coded as they come."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._codes: dict[str, dict[str, int]] = {column: {} for column in columns}

    def code(self, column: str, texts: Sequence[str]) -> Int32Array:
        known = self._codes[column]
        return np.fromiter((known.setdefault(text, len(known) + 1) for text in texts), np.int32, len(texts))

    def size(self, column: str) -> int:
        return len(self._codes[column])

    def names(self) -> dict[str, list[str]]:
        return {column: list(known) for column, known in self._codes.items()}


def _read(
    feature: Activity | Recent, store: Listing, tokens: _Tokens
) -> tuple[list[Int32Array], list[bytes]]:
    """The codes of every column of the keys, and the record of each."""
    columns: list[list[str]] = [[] for _ in feature.of]
    records: list[bytes] = []
    for key, record in store.records(feature.name):
        for parts in _parts(key, len(columns)):
            records.append(record)
            for column, part in zip(columns, parts, strict=True):
                column.append(part)
    return [tokens.code(name, texts) for name, texts in zip(feature.of, columns, strict=True)], records


def _parts(key: str, count: int) -> Iterator[Sequence[str]]:
    """The parts of a key: all ways to read it, should an id hold what stands between parts."""
    pieces = key.split(SEPARATOR)
    if len(pieces) == count:
        yield pieces
        return
    for cuts in itertools.combinations(range(1, len(pieces)), count - 1):
        bounds = itertools.pairwise((0, *cuts, len(pieces)))
        parts = [SEPARATOR.join(pieces[start:stop]) for start, stop in bounds]
        if all(parts):
            yield parts


def _items(feature: Recent, records: Sequence[bytes], tokens: _Tokens) -> list[Int32Array]:
    """The items of each key, newest first."""
    lists = Sequences(feature).decoded(records)
    return [tokens.code(feature.collects, texts[::-1]) for texts in lists]


def _by_place(lists: Sequence[Int32Array], places: Int64Array, size: int) -> tuple[Int64Array, Int32Array]:
    """Where the items of each place begin, shape ``(size + 1,)``, and the items in the order of the places."""
    lengths = np.zeros(size + 1, np.int64)
    lengths[places + 1] = [len(items) for items in lists]
    in_order = [lists[place] for place in np.argsort(places)]
    return np.cumsum(lengths), np.concatenate([np.empty(0, np.int32), *in_order])
