"""What the training slice teaches: counts, moments and quantiles by hand, the same in chunks and in any order."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedScale,
    FittedTimeZone,
    FittedVocabulary,
    NothingFitted,
)
from features.raw import MISSING_TIME
from features.spec import FeatureSpec
from training.encoding.statistics import SpecStatistics

DAY_MS = 86_400_000
TOKENS = st.lists(st.sampled_from(["", "a", "b", "c", "d"]), max_size=40)
NUMBERS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40)


def learned(feature, *frames, seed=0):
    """What the frames teach about one feature, named ``f``."""
    spec = FeatureSpec.model_validate({"context": [{"name": "f", **feature}]})
    statistics = SpecStatistics(spec, np.random.default_rng(seed))
    for frame in frames:
        statistics.update(frame)
    return statistics.fitted().fitted["f"]


def texts(*tokens):
    return pl.DataFrame({"f": pl.Series(tokens, dtype=pl.String)})


def numbers(*values):
    return pl.DataFrame({"f": pl.Series(values, dtype=pl.Float32)})


def lists(*values):
    return pl.DataFrame({"f": pl.Series(values, dtype=pl.List(pl.String))})


def ages(since_ms, at_ms):
    return pl.DataFrame({"since": since_ms, "at": at_ms}, schema={"since": pl.Int64, "at": pl.Int64})


def vocabulary(*frames, kind="categorical", **settings):
    part = learned({"kind": kind, **settings}, *frames)
    assert isinstance(part, FittedVocabulary)
    return list(part.tokens)


def scale(*frames, **feature):
    part = learned({"kind": "numeric", **feature}, *frames)
    assert isinstance(part, FittedScale)
    return (part.mean, part.std, part.low, part.high)


def edges(*frames, **settings):
    part = learned({"kind": "buckets", **settings}, *frames)
    assert isinstance(part, FittedEdges)
    return list(part.edges)


# Vocabularies


@pytest.mark.parametrize(
    ("tokens", "settings", "kept"),
    [
        pytest.param("aab", {}, ["a"], id="a token seen once is too rare"),
        pytest.param("aabbb", {}, ["b", "a"], id="the most frequent first"),
        pytest.param("bbaa", {}, ["a", "b"], id="ties by token"),
        pytest.param("aab", {"min_count": 1}, ["a", "b"], id="min_count 1 keeps all"),
        pytest.param("aab", {"min_count": 3}, [], id="min_count above all counts"),
        pytest.param("cccbba", {"min_count": 1, "max_size": 2}, ["c", "b"], id="only so many"),
        pytest.param(["a", "", "", ""], {"min_count": 1}, ["a"], id="missing is no token"),
        pytest.param(["a", "", ""], {"fill": "none"}, ["none"], id="what stands in is counted"),
        pytest.param(["a\nb", "a\rb", "c d"], {"min_count": 1}, ["c d"], id="a token with a line break"),
        pytest.param([], {}, [], id="nothing"),
    ],
)
def test_a_vocabulary(tokens, settings, kept):
    assert vocabulary(texts(*tokens), **settings) == kept


@pytest.mark.parametrize(
    ("values", "settings", "kept"),
    [
        pytest.param([["a", "b"], ["a"]], {"min_count": 2}, ["a"], id="every token of a list counts"),
        pytest.param([["a", "b", "c"]], {"max_length": 2}, ["a", "b"], id="what the encoder cuts does not"),
        pytest.param([[], ["a"]], {}, ["a"], id="an empty list"),
        pytest.param([["", "a"]], {}, ["a"], id="an empty token"),
        pytest.param([[], []], {}, [], id="nothing but empty lists"),
    ],
)
def test_a_vocabulary_of_lists(values, settings, kept):
    assert vocabulary(lists(*values), kind="multi", **{"min_count": 1, **settings}) == kept


@given(logs=TOKENS.flatmap(lambda tokens: st.tuples(st.just(tokens), st.permutations(tokens))))
def test_ids_do_not_depend_on_the_order_of_the_log(logs):
    tokens, shuffled = logs
    assert vocabulary(texts(*tokens)) == vocabulary(texts(*shuffled))


def test_a_small_vocabulary_holds_the_most_frequent_tokens_of_all_chunks():
    # "j" is the rarest of the first chunk, and in the end it is ahead of the nine others.
    others = list("abcdefghi") * 3
    assert vocabulary(texts(*others, *"jj"), texts(*others, *"jjjjj"), max_size=1) == ["j"]


@given(tokens=TOKENS, at=st.integers(0, 40))
def test_a_vocabulary_does_not_depend_on_chunks(tokens, at):
    assert vocabulary(texts(*tokens)) == vocabulary(texts(*tokens[:at]), texts(*tokens[at:]))


# Scales


@pytest.mark.parametrize(
    ("values", "feature", "expected"),
    [
        pytest.param([2, 4, 6], {}, (4, math.sqrt(8 / 3), 2, 6), id="mean, deviation and range"),
        pytest.param([2, math.nan, 4], {}, (3, 1, 2, 4), id="missing values are left out"),
        pytest.param([2, -1, 4], {"missing_values": [-1]}, (3, 1, 2, 4), id="numbers that mean missing"),
        pytest.param([0, math.e - 1], {"scale": "log"}, (0.5, 0.5, 0, 1), id="after the log"),
        pytest.param([1 - math.e], {"scale": "log"}, (-1, 1, -1, -1), id="the log keeps the sign"),
        pytest.param([7, 7, 7], {}, (7, 1, 7, 7), id="a constant is divided by one"),
        pytest.param([0.1, 0.1, 0.1], {}, (0.1, 1, 0.1, 0.1), id="a constant that no float32 hits"),
        pytest.param([5], {}, (5, 1, 5, 5), id="a single value"),
        pytest.param([math.nan, math.nan], {}, (0, 1, 0, 0), id="nothing but missing values"),
        pytest.param([], {}, (0, 1, 0, 0), id="nothing"),
    ],
)
def test_a_scale(values, feature, expected):
    assert scale(numbers(*values), **feature) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@given(values=NUMBERS, at=st.integers(0, 40))
def test_a_scale_does_not_depend_on_chunks(values, at):
    whole = scale(numbers(*values))
    assert scale(numbers(*values[:at]), numbers(*values[at:])) == pytest.approx(whole, rel=1e-6, abs=1e-6)


def test_a_small_deviation_beside_a_large_mean_survives_chunks():
    values = [1e6 + offset for offset in (-1, 1)] * 50
    parts = scale(*(numbers(*values[start : start + 10]) for start in range(0, 100, 10)))
    assert parts[:2] == pytest.approx((1e6, 1.0))


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1.0, 1e30])
def test_numbers_of_any_size_are_standardised(size):
    assert scale(numbers(size, 3 * size))[1] == pytest.approx(size)


@pytest.mark.parametrize(
    ("since", "at", "expected"),
    [
        pytest.param([0, 0], [DAY_MS, 3 * DAY_MS], (2, 1, 1, 3), id="days"),
        pytest.param([0], [DAY_MS // 2], (0.5, 1, 0.5, 0.5), id="half a day"),
        pytest.param([2 * DAY_MS], [DAY_MS], (-1, 1, -1, -1), id="from the future"),
        pytest.param([MISSING_TIME, 0], [5, DAY_MS], (1, 1, 1, 1), id="missing start"),
        pytest.param([0, 0], [MISSING_TIME, DAY_MS], (1, 1, 1, 1), id="missing now"),
    ],
)
def test_the_scale_of_an_age(since, at, expected):
    feature = {"kind": "age", "column": "since", "at": "at", "scale": "standard"}
    assert scale(ages(since, at), **feature) == pytest.approx(expected)


# Bucket edges


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        pytest.param(range(100), {"buckets": 4}, [25, 50, 75], id="quarters"),
        pytest.param([1, 4, 4, 4, 9], {"buckets": 4}, [4], id="equal edges fall together"),
        pytest.param([0, 0, 0, 2, 3, 4], {"buckets": 4}, [2, 3], id="no bucket below the smallest value"),
        pytest.param([5], {"buckets": 3}, [], id="a single value"),
        pytest.param([-1, 0, 1, 2, 3], {"buckets": 2, "missing_values": [-1]}, [2], id="numbers for missing"),
        pytest.param([math.nan], {}, [], id="nothing but missing values"),
        pytest.param([], {}, [], id="nothing"),
    ],
)
def test_bucket_edges(values, settings, expected):
    assert edges(numbers(*values), **settings) == expected


def test_an_edge_is_a_float32():
    edge = edges(numbers(0, 0.1), buckets=2)[0]
    assert edge == np.float32(0.1)


@given(values=NUMBERS)
def test_edges_rise(values):
    found = edges(numbers(*values), buckets=7)
    assert found == sorted(set(found))


@given(values=NUMBERS)
def test_every_bucket_has_values(values):
    found = edges(numbers(*values), buckets=7)
    buckets = np.searchsorted(np.float32(found), np.float32(values), side="right")
    assert np.unique(buckets).tolist() == list(range(len(found) + 1))


@given(values=NUMBERS, at=st.integers(0, 40))
def test_edges_do_not_depend_on_chunks(values, at):
    assert edges(numbers(*values)) == edges(numbers(*values[:at]), numbers(*values[at:]))


@pytest.fixture(scope="module")
def edges_of_a_million():
    """Ten bucket edges of 0 .. 999,999 that came rising, in chunks: the worst order for a reservoir."""
    values = np.arange(1_000_000, dtype=np.float32).reshape(10, -1)
    frames = [pl.DataFrame({"f": chunk}) for chunk in values]
    return edges(*frames, buckets=10)


def test_the_quantiles_of_a_million_values_are_close(edges_of_a_million):
    # A reservoir of 200,000 places the median within 0.11 % of its rank (one standard deviation).
    assert edges_of_a_million == pytest.approx([100_000 * share for share in range(1, 10)], abs=5000)


# The other kinds


@pytest.mark.parametrize(
    ("clicks", "impressions", "average"),
    [
        pytest.param([1, 3], [10, 20], 5 / 32, id="clicks over impressions, one of each beside them"),
        pytest.param([1, math.nan], [10, 20], 2 / 32, id="a missing count is nothing"),
        pytest.param([1, -1], [10, -1], 2 / 12, id="so is a negative one"),
        pytest.param([1, 30], [10, 20], 22 / 32, id="no more clicks than impressions"),
        pytest.param([1, 3], [10, math.nan], 2 / 12, id="no click that was not shown"),
        pytest.param([], [], 1 / 2, id="nothing"),
    ],
)
def test_the_average_of_a_rate_counts_what_the_encoder_counts(clicks, impressions, average):
    frame = pl.DataFrame({"c": clicks, "i": impressions}, schema={"c": pl.Float32, "i": pl.Float32})
    part = learned({"kind": "rate", "clicks": "c", "impressions": "i"}, frame)
    assert part.average == pytest.approx(average)


def test_a_time_part_learns_its_zone():
    feature = {"kind": "time_part", "column": "t", "part": "hour", "time_zone": "Asia/Kolkata"}
    assert learned(feature) == FittedTimeZone(starts_ms=(0,), offsets_ms=(19_800_000,))


def test_a_cross_is_spread_as_by_chance():
    parts = [{"kind": "hashed", "name": name, "column": "f"} for name in "ab"]
    spec = FeatureSpec.model_validate({"item": parts, "crosses": [{"name": "c", "of": ["a", "b"]}]})
    statistics = SpecStatistics(spec, np.random.default_rng(0))
    statistics.update(texts("x"))
    assert statistics.fitted().fitted["c"] == FittedCross()


def test_a_hash_learns_nothing():
    assert learned({"kind": "hashed"}, texts("a")) == NothingFitted()
