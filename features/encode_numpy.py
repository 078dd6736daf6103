"""The encoder without TensorFlow: raw columns as arrays come in, the ids and values of `features.encoder` go out.

The one permitted second encoder: `training.export.onnx_check` compares it bit for bit with the graph at every publish, and
`service.models.onnx_model` runs it. Whatever depends on the fitted spec alone is prepared once, because a request of a single
impression pays for every call of NumPy.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from features.coded_texts import CodedTexts
from features.fitted import FittedCross, FittedEdges, FittedSpec, FittedTimeZone
from features.number_matrix import Floats, NumberMatrix, flushed, without
from features.raw import MISSING_TIME
from features.spec import (
    CROSS_MULTIPLIER,
    CROSS_PRIME,
    FIRST_OOV_ID,
    PADDING_ID,
    Age,
    AnyFeature,
    Buckets,
    Categorical,
    Cross,
    Half,
    Hashed,
    MultiValued,
    Numeric,
    Rate,
    RawKind,
    TimePart,
)
from features.token_ids import LookUp, TokenTables

Raw = Mapping[str, Any]
"""One array per raw column, as `features.raw.to_array` makes them, or `CodedTexts` in the place of an array of lists."""

Ids = NDArray[np.int32]

_PARTS = {"hour": (3_600_000, 0, 24), "weekday": (86_400_000, 3, 7), "hour_of_week": (3_600_000, 72, 168)}
"""Milliseconds of a part, which one the epoch began with (a Thursday; Monday is 0), and how many there are."""


class EncodedArrays(NamedTuple):
    """Encoded impressions in the columns of `EncodedLayout`: int32 ``(n, id_width)``, float32 ``(n, value_width)``."""

    ids: Ids
    values: Floats


class NumpyEncoder:
    """Turns raw columns into ids and values.

    The numbers equal those of the graph; whether a zero is negative is left open, as it is there.

    Args:
        fitted: What is encoded and what was learned for it.
    """

    def __init__(self, fitted: FittedSpec) -> None:
        self.fitted = fitted
        self.layout = fitted.layout()
        tables = TokenTables(fitted)
        self._whole = _Columns(fitted, None, tables)
        self._halves = {half: _Columns(fitted, half, tables) for half in Half}

    def __call__(self, raw: Raw) -> EncodedArrays:
        """Encode impressions.

        Args:
            raw: One array per column of `FeatureSpec.raw_inputs`: object ``(n,)`` or ``(n, longest)`` of str, float32
                ``(n,)`` or int64 ``(n,)``; lists of texts may be `CodedTexts`.
        """
        return self._whole.encoded(raw, {}, len(next(iter(raw.values()))))

    def half(
        self, half: Half, raw: Raw, *, known: Mapping[Half, Ids] | None = None, rows: int | None = None
    ) -> EncodedArrays:
        """Encode the columns of one half alone.

        Args:
            half: Which.
            raw: One array per column of the half's `FeatureSpec.half_inputs`.
            known: Ids of the other halves, each ``(n, its id columns)``: what crosses of the joint half are made of.
            rows: How many impressions there are, for a half that reads no column; one by default.
        """
        if rows is None:
            rows = len(next(iter(raw.values()))) if raw else 1
        return self._halves[half].encoded(raw, known or {}, rows)


class _Columns:
    """The columns of one half, or of all halves (None): prepared once, filled for each batch."""

    def __init__(self, fitted: FittedSpec, half: Half | None, tables: TokenTables) -> None:
        spec, layout = fitted.spec, fitted.layout()
        features = spec.features() if half is None else spec.in_half(half)
        inputs = spec.raw_inputs() if half is None else spec.half_inputs(half)
        fields = layout.ids if half is None else layout.ids_of(half)
        first = 0 if half is None else layout.id_slice(half).start
        self._width = sum(field.width for field in fields)
        self._own = {field.name: field.start - first for field in fields}
        self._elsewhere = {
            field.name: (field.half, field.start - layout.id_slice(field.half).start) for field in layout.ids
        }
        self._numbers = [raw.column for raw in inputs if raw.kind is RawKind.NUMBER]
        rows = {column: row for row, column in enumerate(self._numbers)}
        self._readers = self._readers_of(fitted, features, tables, rows)
        self._crosses = [
            (feature, isinstance(fitted.fitted[feature.name], FittedCross))
            for feature in features
            if isinstance(feature, Cross)
        ]
        value_fields = layout.values if half is None else layout.values_of(half)
        self._values = NumberMatrix(fitted, features, rows, value_fields)

    def _readers_of(
        self,
        fitted: FittedSpec,
        features: Sequence[AnyFeature],
        tables: TokenTables,
        rows: Mapping[str, int],
    ) -> list[tuple[Any, "_Reader"]]:
        """Which id columns are read by what."""
        readers: list[tuple[Any, _Reader]] = []
        tokens = [feature for feature in features if isinstance(feature, Categorical | Hashed)]
        if tokens:
            places = np.array([self._own[feature.name] for feature in tokens], np.intp)
            readers.append((places, _tokens([(f.column, tables.of(f)) for f in tokens])))
        for feature in features:
            match feature:
                case MultiValued():
                    start = self._own[feature.name]
                    place = slice(start, start + feature.max_length)
                    readers.append((place, _list(feature, tables.of(feature))))
                case Buckets():
                    edges = fitted.part(feature.name, FittedEdges)
                    readers.append((self._own[feature.name], _bucket(feature, edges, rows[feature.column])))
                case TimePart():
                    zone = fitted.part(feature.name, FittedTimeZone)
                    readers.append((self._own[feature.name], _time_part(feature, zone)))
                case Categorical() | Hashed() | Cross() | Numeric() | Rate() | Age():
                    pass  # tokens are read above, crosses and values elsewhere
                case _:
                    assert_never(feature)
        return readers

    def encoded(self, raw: Raw, known: Mapping[Half, Ids], size: int) -> EncodedArrays:
        """Ids and values of a batch of ``size`` impressions; see `NumpyEncoder.half`."""
        numbers = self._number_rows(raw, size)
        ids = np.zeros((self._width, size), np.int32)  # a column is a row here: quicker to fill
        for place, read in self._readers:
            ids[place] = read(raw, numbers)
        for cross, spread in self._crosses:
            parts = [self._part(name, ids, known) for name in cross.of]
            ids[self._own[cross.name]] = _crossed(cross, parts, spread=spread)
        return EncodedArrays(np.ascontiguousarray(ids.T), self._values.encoded(numbers, raw))

    def _number_rows(self, raw: Raw, size: int) -> Floats:
        if not self._numbers:
            return np.empty((0, size), np.float32)
        rows = np.concatenate([raw[column] for column in self._numbers])
        return flushed(rows.reshape(len(self._numbers), size))

    def _part(self, name: str, ids: Ids, known: Mapping[Half, Ids]) -> Ids:
        """The ids ``(n,)`` of a feature that a cross is made of."""
        half, column = self._elsewhere[name]
        part: Ids = ids[self._own[name]] if name in self._own else known[half][:, column]
        return part


_Reader = Callable[[Raw, Floats], Any]
"""From raw columns, and the raw number columns as one matrix ``(columns, n)``, to ids, one row per id column."""


def _tokens(columns: Sequence[tuple[str, LookUp]]) -> _Reader:
    """All single tokens in one go: ``(features, n)``."""

    def read(raw: Raw, numbers: Floats) -> Ids:
        size = numbers.shape[1]
        ids = itertools.chain.from_iterable(map(look_up, raw[name].tolist()) for name, look_up in columns)
        found: Ids = np.fromiter(ids, np.int32, len(columns) * size).reshape(len(columns), size)
        return found

    return read


def _list(feature: MultiValued, look_up: LookUp) -> _Reader:
    known: tuple[NDArray[np.object_] | None, Ids] = (None, np.zeros(0, np.int32))

    def looked_up(given: NDArray[np.object_] | CodedTexts) -> Ids:
        nonlocal known
        if not isinstance(given, CodedTexts):
            tokens = given[:, : feature.max_length]
            ids = np.fromiter(map(look_up, tokens.ravel().tolist()), np.int32, tokens.size)
            return ids.reshape(tokens.shape)
        names, ids = known
        if names is not given.names:
            ids = np.fromiter(map(look_up, given.names.tolist()), np.int32, len(given.names))
            known = given.names, ids
        return ids[given.codes[:, : feature.max_length]]

    def read(raw: Raw, _: Floats) -> Ids:
        found = looked_up(raw[feature.column])
        ids = np.zeros((feature.max_length, len(found)), np.int32)
        ids[: found.shape[1]] = found.T
        if feature.missing == "oov":
            ids[0, ~ids.any(axis=0)] = FIRST_OOV_ID
        return ids

    return read


def _bucket(feature: Buckets, fitted: FittedEdges, row: int) -> _Reader:
    edges = flushed(np.array(fitted.edges, np.float32))
    absent = flushed(np.array(feature.missing_values, np.float32))
    missing_id = PADDING_ID if feature.missing == "own" else 1

    def read(_: Raw, numbers: Floats) -> NDArray[np.int64]:
        column = without(numbers[row], absent)
        return np.where(np.isnan(column), missing_id, 1 + np.searchsorted(edges, column, side="right"))

    return read


def _time_part(feature: TimePart, zone: FittedTimeZone) -> _Reader:
    starts = np.array(zone.starts_ms, np.int64)
    offsets = np.array(zone.offsets_ms, np.int64)
    unit, shift, count = _PARTS[feature.part]

    def read(raw: Raw, _: Floats) -> NDArray[np.int64]:
        times_ms = raw[feature.column]
        missing = times_ms == MISSING_TIME
        position = np.maximum(np.searchsorted(starts, times_ms, side="right") - 1, 0)
        local_ms = np.where(missing, 0, times_ms) + offsets[position]
        part = (local_ms // unit + shift) % count
        return np.where(missing, PADDING_ID, 1 + part)

    return read


def _crossed(feature: Cross, parts: Sequence[Ids], *, spread: bool) -> NDArray[np.int64]:
    combined = np.zeros(len(parts[0]), np.int64)
    for part in parts:
        combined = (combined * CROSS_MULTIPLIER + part + 1) % CROSS_PRIME
    if not spread:
        return 1 + combined * CROSS_MULTIPLIER % CROSS_PRIME % feature.buckets
    square = combined * combined % CROSS_PRIME
    return 1 + square * square % CROSS_PRIME * combined % CROSS_PRIME % feature.buckets
