"""The one encoder: raw feature tensors in, ids and values out, as part of the exported graph.

Training runs it once over the log and caches the result; the export runs it inside ``serving_default``. The only second
implementation, `features.encode_numpy`, is compared with it at every publication, so a feature has one value everywhere.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, assert_never

import tensorflow as tf

from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedRate,
    FittedScale,
    FittedSpec,
    FittedTimeZone,
    FittedVocabulary,
)
from features.layout import IdField, ValueField
from features.raw import MISSING_TEXT, MISSING_TIME
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
    RawInput,
    RawKind,
    TimePart,
    argument_names,
)

_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 86_400_000
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0

_LONGEST = 100
"""Characters of a feature's name that are in the name of its file: file systems take 255."""


class Encoded(NamedTuple):
    """Encoded impressions in the columns of `EncodedLayout`: int32 ``(n, id_width)``, float32 ``(n, value_width)``."""

    ids: Any
    values: Any


def input_signature(fitted: FittedSpec, half: Half | None = None) -> dict[str, tf.TensorSpec]:
    """Type and shape of every raw input, by column; lists are ``(n, longest)``, the rest ``(n,)``.

    Args:
        fitted: Whose inputs.
        half: Only what the features of this half read.
    """
    inputs = fitted.spec.raw_inputs() if half is None else fitted.spec.half_inputs(half)
    names = argument_names(fitted.spec.raw_inputs())
    return {raw.column: _tensor_spec(raw, names[raw.column]) for raw in inputs}


class Encoder(tf.Module):
    """Turns raw feature tensors into ids and values.

    Args:
        fitted: What is encoded and what was learned for it.
        vocabulary_dir: An existing directory; the vocabularies are written there as text files, one token a line, and
            become assets of the export.
    """

    def __init__(self, fitted: FittedSpec, vocabulary_dir: Path) -> None:
        super().__init__(name="encoder")
        self.fitted = fitted
        self.layout = fitted.layout()
        self._tables = {
            feature.name: _lookup_table(part, vocabulary_dir, feature.name)
            for feature in fitted.spec.features()
            if isinstance(part := fitted.fitted[feature.name], FittedVocabulary) and part.tokens
        }

    @tf.autograph.experimental.do_not_convert
    @tf.Module.with_name_scope
    def __call__(self, raw: Mapping[str, tf.Tensor]) -> Encoded:
        """Encode impressions.

        Args:
            raw: One tensor per column of `input_signature`.
        """
        ids, values = self._encoded(self.fitted.spec.features(), raw, {})
        return _in_columns(self.layout.ids, ids, self.layout.values, values, _rows_of(raw))

    @tf.autograph.experimental.do_not_convert
    @tf.Module.with_name_scope
    def half(
        self,
        half: Half,
        raw: Mapping[str, tf.Tensor],
        *,
        known: Mapping[Half, tf.Tensor] | None = None,
        rows: tf.Tensor | None = None,
    ) -> Encoded:
        """Encode the columns of one half alone.

        Args:
            half: Which.
            raw: One tensor per column of the half's `input_signature`.
            known: Ids of the other halves, each ``(n, its id columns)``: what crosses of the joint half are made of.
            rows: How many impressions there are, for a half that reads no column; one by default.
        """
        parts = {
            field.name: tf.cast(ids[:, field.start - self.layout.id_slice(other).start], tf.int64)
            for other, ids in (known or {}).items()
            for field in self.layout.ids_of(other)
        }
        ids, values = self._encoded(self.fitted.spec.in_half(half), raw, parts)
        if rows is None:
            rows = _rows_of(raw) if raw else tf.constant(1)
        return _in_columns(self.layout.ids_of(half), ids, self.layout.values_of(half), values, rows)

    def _encoded(  # noqa: C901  # one case per kind of feature
        self, features: Iterable[AnyFeature], raw: Mapping[str, tf.Tensor], known: Mapping[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Ids and values of some features by name, crosses behind what they are made of; ``known`` ids among them."""
        ids = dict(known)
        values: dict[str, tf.Tensor] = {}
        for feature in features:
            match feature:
                case Categorical():
                    ids[feature.name] = self._categorical(feature, raw[feature.column])
                case Hashed():
                    ids[feature.name] = _hashed(feature, raw[feature.column])
                case MultiValued():
                    ids[feature.name] = self._multi_valued(feature, raw[feature.column])
                case Buckets():
                    ids[feature.name] = self._bucket(feature, raw[feature.column])
                case TimePart():
                    ids[feature.name] = self._time_part(feature, raw[feature.column])
                case Cross():
                    ids[feature.name] = self._crossed(feature, [ids[part] for part in feature.of])
                case Numeric():
                    number = _without(raw[feature.column], feature.missing_values)
                    values |= self._scaled(feature, tf.cast(number, tf.float64))
                case Rate():
                    values[feature.name] = self._rate(feature, raw[feature.clicks], raw[feature.impressions])
                case Age():
                    values |= self._scaled(feature, _days(raw[feature.column], raw[feature.at]))
                case _:
                    assert_never(feature)
        return ids, values

    def _token_ids(self, feature: Categorical | MultiValued, tokens: tf.Tensor) -> tf.Tensor:
        """Ids of tokens of any shape; an empty token gets the padding id."""
        owner = self.fitted.spec.vocabulary_of(feature)
        table = self._tables.get(owner.name)
        position = table.lookup(tokens) if table else tf.fill(tf.shape(tokens), tf.constant(-1, tf.int64))
        if feature.oov == "missing":
            unknown = tf.fill(tf.shape(tokens), tf.constant(PADDING_ID, tf.int64))
        else:
            unknown = FIRST_OOV_ID + tf.strings.to_hash_bucket_fast(tokens, owner.oov_buckets)
        known = FIRST_OOV_ID + owner.oov_buckets + position
        ids = tf.where(position < 0, unknown, known)
        return tf.where(tf.equal(tokens, MISSING_TEXT), tf.constant(PADDING_ID, tf.int64), ids)

    def _categorical(self, feature: Categorical, tokens: tf.Tensor) -> tf.Tensor:
        tokens = _filled(tokens, feature.fill)
        ids = self._token_ids(feature, tokens)
        if feature.missing == "oov":
            return tf.where(tf.equal(tokens, MISSING_TEXT), tf.constant(FIRST_OOV_ID, tf.int64), ids)
        return ids

    def _multi_valued(self, feature: MultiValued, tokens: tf.Tensor) -> tf.Tensor:
        tokens = tokens[:, : feature.max_length]
        room = feature.max_length - tf.shape(tokens)[1]
        tokens = tf.pad(tokens, [[0, 0], [0, room]], constant_values=MISSING_TEXT)
        tokens = tf.ensure_shape(tokens, [None, feature.max_length])
        ids = self._token_ids(feature, tokens)
        if feature.missing == "own":
            return ids
        nothing = tf.reduce_all(tf.equal(ids, PADDING_ID), axis=1, keepdims=True)
        first = tf.one_hot(0, feature.max_length, dtype=tf.int64)
        return tf.where(nothing, FIRST_OOV_ID * first, ids)

    def _bucket(self, feature: Buckets, numbers: tf.Tensor) -> tf.Tensor:
        fitted = self.fitted.part(feature.name, FittedEdges)
        numbers = _without(numbers, feature.missing_values)
        edges = tf.constant(fitted.edges, tf.float32, shape=[len(fitted.edges)])
        ids = 1 + tf.searchsorted(
            edges, tf.where(tf.math.is_nan(numbers), 0.0, numbers), side="right", out_type=tf.int64
        )
        missing_id = tf.constant(PADDING_ID if feature.missing == "own" else 1, tf.int64)
        return tf.where(tf.math.is_nan(numbers), missing_id, ids)

    def _time_part(self, feature: TimePart, times_ms: tf.Tensor) -> tf.Tensor:
        zone = self.fitted.part(feature.name, FittedTimeZone)
        starts = tf.constant(zone.starts_ms, tf.int64)
        position = tf.maximum(tf.searchsorted(starts, times_ms, side="right") - 1, 0)
        known = tf.where(tf.equal(times_ms, MISSING_TIME), tf.constant(0, tf.int64), times_ms)
        local_ms = known + tf.gather(tf.constant(zone.offsets_ms, tf.int64), position)
        hour = tf.math.floormod(tf.math.floordiv(local_ms, _MS_PER_HOUR), 24)
        weekday = tf.math.floormod(tf.math.floordiv(local_ms, _MS_PER_DAY) + _EPOCH_WEEKDAY, 7)
        part = {"hour": hour, "weekday": weekday, "hour_of_week": 24 * weekday + hour}[feature.part]
        return tf.where(tf.equal(times_ms, MISSING_TIME), tf.constant(PADDING_ID, tf.int64), 1 + part)

    def _crossed(self, feature: Cross, parts: list[tf.Tensor]) -> tf.Tensor:
        combined = tf.zeros_like(parts[0], tf.int64)
        for part in parts:
            combined = tf.math.floormod(
                combined * CROSS_MULTIPLIER + tf.cast(part, tf.int64) + 1, CROSS_PRIME
            )
        if isinstance(self.fitted.fitted[feature.name], FittedCross):
            # Sums of multiples lie on a lattice, which buckets may cut badly; the fifth power keeps residues apart.
            square = tf.math.floormod(combined * combined, CROSS_PRIME)
            spread = tf.math.floormod(tf.math.floormod(square * square, CROSS_PRIME) * combined, CROSS_PRIME)
        else:
            spread = tf.math.floormod(combined * CROSS_MULTIPLIER, CROSS_PRIME)
        return 1 + tf.math.floormod(spread, feature.buckets)

    def _scaled(self, feature: Numeric | Age, numbers: tf.Tensor) -> dict[str, tf.Tensor]:
        """The value column of a float64 number ``(n,)``, and its indicator column if the feature has one.

        Computed in float64 and rounded once, so that a library's own logarithm cannot move the last bit.
        """
        scale = self.fitted.part(feature.name, FittedScale)
        missing = tf.math.is_nan(numbers)
        stand_in = feature.fill if feature.missing == "constant" else 0.0
        numbers = tf.where(missing, tf.constant(stand_in, tf.float64), numbers)
        if feature.scale == "log":
            numbers = tf.sign(numbers) * tf.math.log1p(tf.abs(numbers))
        if feature.missing == "mean":
            numbers = tf.where(missing, tf.constant(scale.mean, tf.float64), numbers)
        # What stands for a missing value is chosen by the task file, perhaps outside the range on purpose.
        numbers = tf.where(missing, numbers, tf.clip_by_value(numbers, *scale.edges(clip=feature.clip)))
        if feature.scale != "none":
            numbers = (numbers - scale.mean) / scale.std
        columns = {feature.name: tf.cast(numbers, tf.float32)}
        if feature.indicator:
            columns[f"{feature.name}:missing"] = tf.cast(missing, tf.float32)
        return columns

    def _rate(self, feature: Rate, clicks: tf.Tensor, impressions: tf.Tensor) -> tf.Tensor:
        """Log-odds of a smoothed rate above the average, ``(n,)``; in float64 and rounded once."""
        fitted = self.fitted.part(feature.name, FittedRate)
        shown, clicked = (_counted(numbers) for numbers in (impressions, clicks))
        clicked = tf.minimum(clicked, shown)
        won = feature.strength * fitted.average
        lost = feature.strength * (1 - fitted.average)
        # At least 0 as it stands; said so, TensorFlow cannot add the constant first, which huge counts would show.
        passed = tf.maximum(shown - clicked, 0.0)
        odds = (clicked + won) / (passed + lost)
        return tf.cast(tf.math.log(odds * ((1 - fitted.average) / fitted.average)), tf.float32)


def _in_columns(
    id_fields: Sequence[IdField],
    ids: Mapping[str, tf.Tensor],
    value_fields: Sequence[ValueField],
    values: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
) -> Encoded:
    id_columns = [ids[field.name] if field.pooling else ids[field.name][:, tf.newaxis] for field in id_fields]
    value_columns = [values[field.name][:, tf.newaxis] for field in value_fields]
    return Encoded(
        ids=tf.cast(tf.concat(id_columns, axis=1), tf.int32) if id_columns else tf.zeros([rows, 0], tf.int32),
        values=tf.concat(value_columns, axis=1) if value_columns else tf.zeros([rows, 0], tf.float32),
    )


def _counted(numbers: tf.Tensor) -> tf.Tensor:
    """Counts in float64; what is missing or negative was not counted."""
    numbers = tf.cast(numbers, tf.float64)
    return tf.where(numbers > 0, numbers, tf.zeros_like(numbers))


def _tensor_spec(raw: RawInput, name: str) -> tf.TensorSpec:
    match raw.kind:
        case RawKind.TEXT:
            return tf.TensorSpec([None], tf.string, name=name)
        case RawKind.NUMBER:
            return tf.TensorSpec([None], tf.float32, name=name)
        case RawKind.TIME:
            return tf.TensorSpec([None], tf.int64, name=name)
        case RawKind.TEXTS:
            return tf.TensorSpec([None, None], tf.string, name=name)


def _lookup_table(vocabulary: FittedVocabulary, directory: Path, name: str) -> tf.lookup.StaticHashTable:
    lines_of_tokens = "".join(f"{token}\n" for token in vocabulary.tokens).encode()
    # TensorFlow shares tables within a process by the path of their file: another vocabulary needs another path.
    path = directory / f"{name[:_LONGEST]}-{hashlib.sha256(lines_of_tokens).hexdigest()[:16]}.txt"
    path.write_bytes(lines_of_tokens)
    lines = tf.lookup.TextFileInitializer(
        str(path),
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(lines, default_value=-1)


def _filled(tokens: tf.Tensor, fill: str | None) -> tf.Tensor:
    return tokens if fill is None else tf.where(tf.equal(tokens, MISSING_TEXT), fill, tokens)


def _hashed(feature: Hashed, tokens: tf.Tensor) -> tf.Tensor:
    tokens = _filled(tokens, feature.fill)
    ids = 1 + tf.strings.to_hash_bucket_fast(tokens, feature.buckets)
    if feature.missing == "oov":
        return ids
    return tf.where(tf.equal(tokens, MISSING_TEXT), tf.constant(PADDING_ID, tf.int64), ids)


def _without(numbers: tf.Tensor, missing_values: tuple[float, ...]) -> tf.Tensor:
    for value in missing_values:
        numbers = tf.where(tf.equal(numbers, tf.constant(value, tf.float32)), float("nan"), numbers)
    return numbers


def _days(since_ms: tf.Tensor, at_ms: tf.Tensor) -> tf.Tensor:
    """Days between two times, float64 ``(n,)``; NaN where either is missing."""
    missing = tf.equal(since_ms, MISSING_TIME) | tf.equal(at_ms, MISSING_TIME)
    distance = tf.where(missing, tf.constant(0, tf.int64), at_ms - since_ms)
    days = tf.cast(distance, tf.float64) / _MS_PER_DAY
    return tf.where(missing, tf.constant(float("nan"), tf.float64), days)


def _rows_of(raw: Mapping[str, tf.Tensor]) -> tf.Tensor:
    return tf.shape(next(iter(raw.values())))[0]
