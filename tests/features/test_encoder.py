"""One feature at a time: the ids and values of raw values, worked out by hand."""

import itertools
import math

import pytest
import tensorflow as tf

from features.encoder import Encoder
from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedScale,
    FittedSpec,
    FittedTimeZone,
    FittedVocabulary,
    NothingFitted,
)
from features.raw import from_json, to_array
from features.spec import FeatureSpec

COLOURS = FittedVocabulary(tokens=("red", "blue"))
EDGES = FittedEdges(edges=(1.0, 5.0))
SCALE = FittedScale(mean=10.0, std=2.0, low=4.0, high=16.0)
LOG_SCALE = FittedScale(mean=1.0, std=2.0, low=-3.0, high=3.0)
DAY_MS = 86_400_000


def tensor(raw, values):
    array = to_array(raw, [from_json(raw, value) for value in values])
    return tf.constant(array, tf.string if array.dtype == object else None)


@pytest.fixture
def encode(tmp_path):
    """Encodes columns of JSON values with features of the context; `fitted` is by name."""

    def run(features, fitted, crosses=(), **columns):
        spec = FeatureSpec.model_validate({"context": features, "crosses": list(crosses)})
        raw = {raw.column: tensor(raw, columns[raw.column]) for raw in spec.raw_inputs()}
        return Encoder(FittedSpec(spec=spec, fitted=fitted), tmp_path)(raw)

    return run


@pytest.fixture
def ids_of(encode):
    """The ids of one feature ``f`` of column ``f``; the numbers of a multi-valued one are lists."""

    def run(kind, fitted, values, **settings):
        ids = encode([{"kind": kind, "name": "f", **settings}], {"f": fitted}, f=values).ids.numpy()
        return ids.tolist() if kind == "multi" else ids[:, 0].tolist()

    return run


@pytest.fixture
def values_of(encode):
    """The value columns of one numeric feature ``f``, one list per impression."""

    def run(fitted, numbers, **settings):
        encoded = encode([{"kind": "numeric", "name": "f", **settings}], {"f": fitted}, f=numbers)
        return [pytest.approx(row, rel=1e-6, abs=1e-6) for row in encoded.values.numpy().tolist()]

    return run


@pytest.mark.parametrize(
    ("settings", "tokens", "ids"),
    [
        pytest.param({}, ["red", "blue"], [2, 3], id="tokens in order behind padding and OOV"),
        pytest.param({}, ["green"], [1], id="an unknown token is OOV"),
        pytest.param({}, [None, ""], [0, 0], id="missing is padding"),
        pytest.param({}, ["Red", " red"], [1, 1], id="tokens match to the letter"),
        pytest.param({"missing": "oov"}, [None, "green"], [1, 1], id="missing as OOV"),
        pytest.param({"oov": "missing"}, ["green", "red"], [0, 2], id="OOV as missing"),
        pytest.param({"oov": "missing", "missing": "oov"}, ["green", None], [0, 1], id="each as the other"),
        pytest.param({"fill": "red"}, [None, "blue"], [2, 3], id="a known token stands in"),
        pytest.param({"fill": "none"}, [None], [1], id="an unknown token stands in"),
        pytest.param({"oov_buckets": 3}, ["red", "blue"], [4, 5], id="tokens behind the OOV buckets"),
    ],
)
def test_categorical(ids_of, settings, tokens, ids):
    assert ids_of("categorical", COLOURS, tokens, **settings) == ids


def test_unknown_tokens_spread_over_the_oov_buckets(ids_of):
    ids = ids_of("categorical", COLOURS, [f"new {number}" for number in range(50)], oov_buckets=3)
    assert set(ids) == {1, 2, 3}


def test_an_empty_vocabulary_knows_no_token(ids_of):
    assert ids_of("categorical", FittedVocabulary(tokens=()), ["red", None]) == [1, 0]


@pytest.mark.parametrize("token", ["a b", " a", "a ", "größe", "日本", "🙂", "a\tb", 'a"b', "a,b", "\x00"])
def test_a_vocabulary_keeps_any_token_of_one_line(ids_of, token):
    assert ids_of("categorical", FittedVocabulary(tokens=("first", token)), [token]) == [3]


@pytest.mark.parametrize(
    ("settings", "tokens", "ids"),
    [
        pytest.param({}, [None], [0], id="missing is padding"),
        pytest.param({"buckets": 1}, ["a", "b", None], [1, 1, 0], id="one bucket takes all"),
        pytest.param({"buckets": 1, "missing": "oov"}, [None], [1], id="missing is hashed"),
        pytest.param({"buckets": 1, "fill": "none"}, [None], [1], id="a token stands in"),
    ],
)
def test_hashed(ids_of, settings, tokens, ids):
    assert ids_of("hashed", NothingFitted(), tokens, **settings) == ids


def test_hashes_fill_the_range_behind_padding(ids_of):
    tokens = [f"ad {number}" for number in range(200)]
    assert set(ids_of("hashed", NothingFitted(), tokens, buckets=5)) == {1, 2, 3, 4, 5}


def test_a_fill_is_hashed_like_the_token_itself(ids_of):
    ids = ids_of("hashed", NothingFitted(), [None, "none"], fill="none")
    assert ids[0] == ids[1]


def test_a_hash_is_the_same_on_every_machine(ids_of):
    # The fingerprint that TensorFlow documents as stable; a change of it would move every hashed id.
    assert ids_of("hashed", NothingFitted(), ["Hello", "TensorFlow", "2.x"], buckets=3) == [1, 3, 3]


@pytest.mark.parametrize(
    ("settings", "lists", "ids"),
    [
        pytest.param({}, [["red", "blue"]], [[2, 3, 0]], id="short lists are padded"),
        pytest.param({}, [["blue", "red", "red", "blue"]], [[3, 2, 2]], id="long lists are cut"),
        pytest.param({}, [["red", "green"]], [[2, 1, 0]], id="an unknown token is OOV"),
        pytest.param({"oov": "missing"}, [["green", "red"]], [[0, 2, 0]], id="an unknown token is left out"),
        pytest.param({}, [[]], [[0, 0, 0]], id="nothing is padding"),
        pytest.param({}, [[], ["red"]], [[0, 0, 0], [2, 0, 0]], id="nothing beside something"),
        pytest.param({"missing": "oov"}, [[], ["red"]], [[1, 0, 0], [2, 0, 0]], id="nothing is one OOV"),
        pytest.param(
            {"missing": "oov", "oov": "missing"}, [["green"]], [[1, 0, 0]], id="nothing known is one OOV"
        ),
        pytest.param({}, [["red", "", "blue"]], [[2, 0, 3]], id="a token in the middle is missing"),
        pytest.param({}, ["blue,red"], [[3, 2, 0]], id="text is split"),
    ],
)
def test_multi_valued(ids_of, settings, lists, ids):
    assert ids_of("multi", COLOURS, lists, max_length=3, **settings) == ids


@pytest.mark.parametrize(
    ("settings", "numbers", "ids"),
    [
        pytest.param({}, [0.9, 1.0, 4.9, 5.0, 99], [1, 2, 2, 3, 3], id="an edge belongs to the bucket above"),
        pytest.param({}, [None], [0], id="missing is padding"),
        pytest.param({"missing": "lowest"}, [None], [1], id="missing is lowest"),
        pytest.param({"missing_values": [-1, 999]}, [-1, 999, 998], [0, 0, 3], id="numbers for missing"),
        pytest.param({"missing": "lowest", "missing_values": [999]}, [999], [1], id="both"),
    ],
)
def test_buckets(ids_of, settings, numbers, ids):
    assert ids_of("buckets", EDGES, numbers, **settings) == ids


def test_without_edges_there_is_one_bucket(ids_of):
    assert ids_of("buckets", FittedEdges(edges=()), [-5, 5, None]) == [1, 1, 0]


@pytest.mark.parametrize(
    ("part", "time_zone", "time", "expected"),
    [
        pytest.param("hour", "UTC", 0, 1, id="midnight is 1"),
        pytest.param("hour", "UTC", DAY_MS - 1, 24, id="the last moment of a day"),
        pytest.param("hour", "UTC", -1, 24, id="before the epoch"),
        pytest.param("hour", "Europe/Berlin", 0, 2, id="an hour ahead"),
        pytest.param("hour", "Europe/Berlin", "2026-07-01T12:00Z", 15, id="summer time"),
        pytest.param("hour", "Asia/Kolkata", "2026-07-01T12:00Z", 18, id="half an hour"),
        pytest.param("weekday", "UTC", 0, 4, id="the epoch was a Thursday"),
        pytest.param("weekday", "UTC", "2026-11-16", 1, id="Monday is 1"),
        pytest.param("weekday", "UTC", "2026-11-22", 7, id="Sunday is 7"),
        pytest.param("weekday", "Asia/Kolkata", "2026-11-15T20:00Z", 1, id="already Monday there"),
        pytest.param("hour_of_week", "UTC", "2026-11-16T00:00Z", 1, id="the first hour of Monday"),
        pytest.param("hour_of_week", "UTC", "2026-11-22T23:59Z", 168, id="the last hour of Sunday"),
        pytest.param("hour", "UTC", None, 0, id="missing"),
        pytest.param("hour_of_week", "Asia/Kolkata", None, 0, id="missing in a zone"),
        pytest.param("hour", "UTC", "9999-12-31T23:00Z", 24, id="the last year"),
    ],
)
def test_time_part(ids_of, part, time_zone, time, expected):
    zone = FittedTimeZone.of(time_zone)
    assert ids_of("time_part", zone, [time], part=part, time_zone=time_zone) == [expected]


@pytest.mark.parametrize(
    ("settings", "fitted", "numbers", "values"),
    [
        pytest.param({}, SCALE, [10, 14], [[0], [2]], id="standardised"),
        pytest.param({}, SCALE, [0, 99], [[-3], [3]], id="clipped at the training range"),
        pytest.param({"clip": False}, SCALE, [0, 30], [[-5], [10]], id="not clipped"),
        pytest.param({"clip": False}, SCALE, [3e38, -3e38], [[1e6], [-1e6]], id="far beyond all reason"),
        pytest.param({"scale": "none"}, SCALE, [7, 99], [[7], [16]], id="as it is"),
        pytest.param({"scale": "log"}, LOG_SCALE, [math.e - 1], [[0]], id="log(1 + x), standardised"),
        pytest.param({"scale": "log"}, LOG_SCALE, [1 - math.e], [[-1]], id="the log keeps the sign"),
        pytest.param({}, SCALE, [None], [[0]], id="missing is the mean"),
        pytest.param({"scale": "log"}, LOG_SCALE, [None], [[0]], id="missing is the mean of the logs"),
        pytest.param({"scale": "none"}, SCALE, [None], [[10]], id="missing is the mean as it is"),
        pytest.param({"missing": "zero"}, SCALE, [None], [[-5]], id="missing is zero, though out of range"),
        pytest.param({"missing": "zero", "scale": "none"}, SCALE, [None], [[0]], id="zero as it is"),
        pytest.param({"missing": "constant", "fill": -6}, SCALE, [None], [[-8]], id="missing is a constant"),
        pytest.param(
            {"missing": "constant", "fill": math.e - 1, "scale": "log"}, LOG_SCALE, [None], [[0]], id="in log"
        ),
        pytest.param({"indicator": True}, SCALE, [None, 12], [[0, 1], [1, 0]], id="with an indicator"),
        pytest.param(
            {"indicator": True, "missing_values": [-1]}, SCALE, [-1], [[0, 1]], id="a number for missing"
        ),
    ],
)
def test_numeric(values_of, settings, fitted, numbers, values):
    assert values_of(fitted, numbers, **settings) == values


def test_values_are_float32(encode):
    assert encode([{"kind": "numeric", "name": "f"}], {"f": SCALE}, f=[1]).values.dtype == tf.float32


@pytest.mark.parametrize(
    ("since", "at", "settings", "values"),
    [
        pytest.param(0, 12 * DAY_MS, {}, [1], id="days, standardised"),
        pytest.param(0, 12 * DAY_MS + DAY_MS // 2, {}, [1.25], id="parts of days"),
        pytest.param(0, 100 * DAY_MS, {}, [3], id="clipped"),
        pytest.param(5 * DAY_MS, 0, {"clip": False}, [-7.5], id="from the future"),
        pytest.param(None, DAY_MS, {"indicator": True}, [0, 1], id="missing start"),
        pytest.param(0, None, {"indicator": True}, [0, 1], id="missing now"),
        pytest.param(None, None, {"missing": "zero"}, [-5], id="missing both"),
    ],
)
def test_age(encode, since, at, settings, values):
    feature = {"kind": "age", "name": "f", "column": "since", "at": "at", "scale": "standard", **settings}
    encoded = encode([feature], {"f": SCALE}, since=[since], at=[at])
    assert encoded.values.numpy().tolist() == [pytest.approx(values)]


@pytest.fixture
def crossed(encode):
    """The ids of the cross of two hashed columns, one per pair."""

    def run(pairs, buckets=1000):
        features = [{"kind": "hashed", "name": name} for name in "ab"]
        fitted = {"a": NothingFitted(), "b": NothingFitted(), "c": FittedCross()}
        cross = {"name": "c", "of": ["a", "b"], "buckets": buckets}
        first, second = zip(*pairs, strict=True)
        return encode(features, fitted, crosses=[cross], a=first, b=second).ids.numpy()[:, 2].tolist()

    return run


PAIRS = [(f"u{user}", f"i{item}") for user in range(20) for item in range(20)]


def test_a_cross_fills_the_range_behind_padding(crossed):
    assert set(crossed(PAIRS, buckets=7)) == {1, 2, 3, 4, 5, 6, 7}


@pytest.mark.parametrize("pairs", [PAIRS[:20], PAIRS[::20]], ids=["second", "first"])
def test_a_cross_depends_on_each_of_its_parts(crossed, pairs):
    # 20 pairs in 1,000 buckets: 0.2 collisions expected.
    assert len(set(crossed(pairs))) >= 18


def test_a_cross_depends_on_the_order_of_its_parts(crossed):
    first, second = crossed([("x", "y"), ("y", "x")])
    assert first != second


def test_a_cross_collides_as_seldom_as_chance(crossed):
    # 400 pairs in 100,000 buckets: 0.8 collisions expected.
    assert len(set(crossed(PAIRS, buckets=100_000))) >= 395


@pytest.mark.parametrize(
    ("users", "items", "buckets"),
    [(50, 24, 1_000), (2, 3_000, 100_000), (24, 24, 1_000), (300, 100, 1_000_000)],
)
def test_a_cross_uses_as_many_buckets_as_chance(encode, users, items, buckets):
    names = {"a": range(users), "b": range(items)}
    features = [{"kind": "categorical", "name": name} for name in names]
    fitted = {name: FittedVocabulary(tokens=tuple(map(str, tokens))) for name, tokens in names.items()}
    first, second = zip(*itertools.product(*(map(str, tokens) for tokens in names.values())), strict=True)
    cross = {"name": "c", "of": ["a", "b"], "buckets": buckets}
    ids = encode(features, {**fitted, "c": FittedCross()}, crosses=[cross], a=first, b=second).ids.numpy()
    expected = buckets * (1 - (1 - 1 / buckets) ** (users * items))
    assert len(set(ids[:, 2].tolist())) == pytest.approx(expected, rel=0.05)


def test_a_cross_of_an_earlier_version_keeps_its_ids(encode):
    features = [{"kind": "categorical", "name": name} for name in "ab"]
    fitted = {**dict.fromkeys("ab", FittedVocabulary(tokens=("x", "y"))), "c": NothingFitted()}
    cross = {"name": "c", "of": ["a", "b"], "buckets": 1_000}
    encoded = encode(features, fitted, crosses=[cross], a=["x", "y"], b=["x", "x"])
    assert encoded.ids.numpy()[:, 2].tolist() == [9, 100]


def test_a_cross_of_missing_parts_has_an_id(crossed):
    assert crossed([(None, None)])[0] >= 1


def test_features_stand_where_the_layout_says(encode):
    encoded = encode(
        [{"kind": "multi", "name": "tags", "max_length": 2}, {"kind": "categorical", "name": "colour"}],
        {"tags": COLOURS, "colour": COLOURS},
        tags=[["red"]],
        colour=["blue"],
    )
    assert encoded.ids.numpy().tolist() == [[2, 0, 3]]


def test_without_an_id_feature_ids_have_no_column(encode):
    assert encode([{"kind": "numeric", "name": "f"}], {"f": SCALE}, f=[1, 2]).ids.shape == (2, 0)


def test_without_a_value_feature_values_have_no_column(encode):
    assert encode([{"kind": "hashed", "name": "f"}], {"f": NothingFitted()}, f=["a", "b"]).values.shape == (
        2,
        0,
    )
