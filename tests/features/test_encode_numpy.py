"""The encoder without TensorFlow beside the graph: the same numbers for every kind and option, whatever comes in."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encode_numpy import NumpyEncoder
from features.encoder import Encoder, input_signature
from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedRate,
    FittedScale,
    FittedSpec,
    FittedTimeZone,
    FittedVocabulary,
    NothingFitted,
)
from features.raw import MISSING_TIME, from_json, to_array
from features.spec import Categorical, FeatureSpec, Half
from features.token_ids import TokenTables

REPOSITORY = Path(__file__).parents[2]


def every(kind, fixed, **options):
    """A feature of the kind for every combination of options."""
    for place, values in enumerate(itertools.product(*options.values())):
        yield {
            "kind": kind,
            "name": f"{fixed['column']}-{kind}-{place}",
            **fixed,
            **dict(zip(options, values, strict=True)),
        }


TOKENS = [
    *every(
        "categorical",
        {"column": "colour"},
        missing=["own", "oov"],
        oov=["own", "missing"],
        fill=[None, "red", "never seen"],
        oov_buckets=[1, 3],
    ),
    *every("hashed", {"column": "colour", "buckets": 7}, missing=["own", "oov"], fill=[None, "red"]),
    {"kind": "hashed", "name": "wide", "column": "colour", "buckets": 10_000_019},
]
LISTS = [
    *every(
        "multi",
        {"column": "tags", "max_length": 3},
        missing=["own", "oov"],
        oov=["own", "missing"],
        oov_buckets=[1, 3],
    ),
    {"kind": "multi", "name": "like", "column": "tags", "like": "colour-categorical-0", "missing": "oov"},
]
NUMBERS: list[dict[str, Any]] = [
    *every(
        "numeric",
        {"column": "number", "fill": -40.0},
        scale=["standard", "log", "none"],
        missing=["mean", "zero", "constant"],
        clip=[True, False],
    ),
    *every(
        "numeric",
        {"column": "other", "missing_values": [-1, 0, 999]},
        scale=["standard", "log", "none"],
        indicator=[False, True],
    ),
    *every(
        "buckets", {"column": "number"}, missing=["own", "lowest"], missing_values=[[], [0.0, -1.0, 1e-40]]
    ),
    {"kind": "buckets", "name": "one bucket", "column": "number"},
    {"kind": "rate", "name": "rate", "clicks": "number", "impressions": "other"},
    {"kind": "rate", "name": "strong", "clicks": "other", "impressions": "number", "strength": 70.5},
]
for feature in NUMBERS:
    feature["name"] = feature["name"].replace(" ", "-")
AGES = [
    *every(
        "age", {"column": "since", "at": "at"}, scale=["standard", "log", "none"], missing=["mean", "zero"]
    ),
    {"kind": "age", "name": "free", "column": "since", "at": "at", "clip": False, "indicator": True},
]
TIMES = list(
    every(
        "time_part",
        {"column": "at"},
        part=["hour", "weekday", "hour_of_week"],
        time_zone=["UTC", "Europe/Berlin", "Asia/Kolkata"],
    )
)
CROSSES = [
    {"name": "within-the-user", "of": ["number-buckets-0", "at-time_part-4"], "buckets": 11},
    {"name": "within-the-item", "of": ["colour-categorical-1", "wide"], "buckets": 1009},
    {"name": "joint", "of": ["colour-categorical-0", "number-buckets-1", "wide"], "buckets": 100_003},
]
HISTORY = [
    {"kind": "activity", "name": "past", "of": ["user"], "half_lives": ["1h"]},
    {"kind": "activity", "name": "pair", "of": ["user", "colour"], "since": False},
    {"kind": "activity", "name": "rates", "of": ["colour"], "counts": False, "since": False},
    {"kind": "recent", "name": "recent", "of": ["user"], "collects": "colour", "max_length": 4},
]
SPEC = FeatureSpec.model_validate(
    {
        "user": NUMBERS,
        "item": [*TOKENS, *LISTS, *AGES],
        "context": TIMES,
        "crosses": CROSSES,
        "history": HISTORY,
        "keys": {"user": "user"},
    }
)
VOCABULARY = FittedVocabulary(tokens=("red", "new york", " ", "größe", "x" * 80))


def fitted_for(feature):  # noqa: PLR0911  # one per kind
    match feature.kind:
        case "categorical" | "multi" | "recent":
            shares = getattr(feature, "like", None)
            return NothingFitted() if shares else VOCABULARY
        case "numeric" | "age":
            return FittedScale(mean=1.7, std=0.3, low=-2.0, high=5.0)
        case "rate":
            return FittedRate(average=0.31)
        case "buckets":
            return FittedEdges(edges=() if feature.name == "one-bucket" else (-2.5, 0.0, 1e-40, 7.25))
        case "time_part":
            return FittedTimeZone.of(feature.time_zone)
        case "cross" if feature.name != "within-the-item":
            return FittedCross()  # the other one has the ids of an earlier version
        case _:
            return NothingFitted()


FITTED = FittedSpec(spec=SPEC, fitted={feature.name: fitted_for(feature) for feature in SPEC.features()})
ENCODER = NumpyEncoder(FITTED)

NASTY: dict[str, list[Any]] = {
    "text": [None, "red", "new york", " ", "größe", "日本", "🙂", "a\x00b", "x" * 80, "y" * 63, "y" * 64, "y" * 65],
    "number": [None, 0.0, -0.0, 1e-45, -1e-40, 1e-38, -1.0, 1.0, 999.0, 7.25, 1.7, 2**24 + 1, 3.4e38, -3.4e38],
    "time": [None, 0, -1, 1, 86_400_000, 1_651_708_800_000, 253_402_300_799_999, -253_402_300_799_999],
    "texts": [[], ["red"], [None, "red"], ["", ""], ["red", "größe", " ", "red"], ["z"] * 9, ["q", "red"]],
}  # fmt: skip
VALUES = {
    "text": st.one_of(st.sampled_from(NASTY["text"]), st.text(max_size=80)),
    "number": st.one_of(st.sampled_from(NASTY["number"]), st.floats(-3.4e38, 3.4e38), st.integers(0, 5000)),
    "time": st.one_of(st.sampled_from(NASTY["time"]), st.integers(-253_402_300_799_999, 253_402_300_799_999)),
    "texts": st.lists(st.one_of(st.sampled_from(NASTY["text"]), st.text(max_size=8)), max_size=6),
}
IMPRESSIONS = st.fixed_dictionaries({raw.column: VALUES[raw.kind] for raw in SPEC.raw_inputs()})


def arrays_of(impressions, inputs=SPEC.raw_inputs()):  # noqa: B008  # a constant
    return {
        raw.column: to_array(raw, [from_json(raw, impression[raw.column]) for impression in impressions])
        for raw in inputs
    }


def tensors_of(arrays):
    return {
        column: tf.constant(array, tf.string if array.dtype == object else None)
        for column, array in arrays.items()
    }


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Encodes arrays as the exported graph does."""
    encoder = Encoder(FITTED, tmp_path_factory.mktemp("vocabularies"))
    run = tf.function(encoder.__call__, input_signature=[input_signature(FITTED)])

    def encode(arrays):
        ids, values = run(tensors_of(arrays))
        return ids.numpy(), values.numpy()

    return encode


def nasty_impressions(count=500):
    """Impressions of nasty values alone, each combined with others in turn."""
    random = np.random.default_rng(20)
    return [
        {raw.column: NASTY[raw.kind][random.integers(len(NASTY[raw.kind]))] for raw in SPEC.raw_inputs()}
        for _ in range(count)
    ]


def assert_equal(came, expected):
    columns: Any = (ENCODER.layout.ids, ENCODER.layout.values)
    for ours, theirs, fields in zip(came, expected, columns, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        names = [field.name for field in fields for _ in range(getattr(field, "width", 1))]
        wrong = np.argwhere(ours != theirs)
        assert not len(wrong), [(names[at], row, ours[row, at], theirs[row, at]) for row, at in wrong[:5]]


def test_counts_that_are_huge_and_nearly_equal_are_encoded_as_in_the_graph(graph):
    ordinary = nasty_impressions(1)[0]
    counts = [(2.0**e, np.nextafter(np.float32(2.0**e), np.float32(0))) for e in range(10, 120)]
    arrays = arrays_of(
        [
            ordinary | {"other": float(shown), "number": float(clicked)}
            for pair in counts
            for shown, clicked in (pair, pair[::-1], (pair[0], pair[0]))
        ]
    )
    assert_equal(ENCODER(arrays), graph(arrays))


def test_nasty_values_are_encoded_as_in_the_graph(graph):
    arrays = arrays_of(nasty_impressions())
    assert_equal(ENCODER(arrays), graph(arrays))


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=20))
@settings(max_examples=100)
def test_any_impressions_are_encoded_as_in_the_graph(graph, impressions):
    arrays = arrays_of(impressions)
    assert_equal(ENCODER(arrays), graph(arrays))


@pytest.mark.parametrize("count", [1, 2, 3, 64, 1000])
def test_counts_and_times_of_every_size_are_encoded_as_in_the_graph(graph, count):
    random = np.random.default_rng(count)
    columns = {
        "text": lambda: random.choice(np.array(["red", "new", "", "größe"], object), count),
        "number": lambda: np.exp(random.normal(3, 4, count)).astype(np.float32).round(1),
        "time": lambda: random.integers(1_600_000_000_000, 1_800_000_000_000, count),
        "texts": lambda: random.choice(np.array(["red", "new", ""], object), (count, 5)),
    }
    arrays = {raw.column: columns[raw.kind]() for raw in SPEC.raw_inputs()}
    assert_equal(ENCODER(arrays), graph(arrays))


def test_a_batch_without_impressions_is_encoded_as_in_the_graph(graph):
    arrays = arrays_of([])
    assert_equal(ENCODER(arrays), graph(arrays))


def test_a_missing_time_on_one_side_is_encoded_as_in_the_graph(graph):
    arrays = arrays_of(nasty_impressions(2))
    arrays |= {"since": np.array([0, MISSING_TIME]), "at": np.array([MISSING_TIME, 5])}
    assert_equal(ENCODER(arrays), graph(arrays))


@pytest.mark.parametrize("half", list(Half))
def test_a_half_alone_is_its_columns_of_the_whole(half):
    impressions = nasty_impressions(40)
    whole = ENCODER(arrays_of(impressions))
    known = {other: whole.ids[:, ENCODER.layout.id_slice(other)] for other in Half if other is not half}
    alone = ENCODER.half(half, arrays_of(impressions, SPEC.half_inputs(half)), known=known)
    assert np.array_equal(alone.ids, whole.ids[:, ENCODER.layout.id_slice(half)])
    assert np.array_equal(alone.values, whole.values[:, ENCODER.layout.value_slice(half)])


@pytest.mark.parametrize(("rows", "expected"), [(None, 1), (7, 7)])
def test_a_half_without_features_has_as_many_rows_as_it_is_told(rows, expected):
    spec = FeatureSpec.model_validate({"user": [{"kind": "hashed", "name": "f"}]})
    encoder = NumpyEncoder(FittedSpec(spec=spec, fitted={"f": NothingFitted()}))
    ids, values = encoder.half(Half.ITEM, {}, rows=rows)
    assert (ids.shape, values.shape) == ((expected, 0), (expected, 0))


def test_unknown_tokens_are_not_kept():
    (colour,) = (feature for feature in SPEC.item if feature.name == "colour-categorical-0")
    assert isinstance(colour, Categorical)
    look_up: Any = TokenTables(FITTED).of(colour)
    known = len(look_up.__self__)
    for number in range(100):
        look_up(f"new {number}")
    assert len(look_up.__self__) == known


def test_encoding_imports_no_tensorflow():
    source = "import sys, features.encode_numpy; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"tensorflow", "keras", "features.encoder"} & set(done.stdout.split())
