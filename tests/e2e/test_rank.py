"""Ranking with a trained model that looks back: from features and from a catalog, in both runtimes; over HTTP in `test_rank_http`."""

import json
import math
import re
import time
from dataclasses import replace

import numpy as np
import orjson
import polars as pl
import pytest

from registry.local import LocalRegistry
from registry.reference import ModelRef
from service.catalog.catalog import Catalog
from service.catalog.store import Entity
from service.errors import (
    MAX_PROBLEMS,
    InvalidRequestError,
    ScoringError,
    TooManyRowsError,
    UnknownFeatureError,
)
from service.models.loader import load_version
from service.ranking.rank_request import read_rank_request
from service.ranking.ranker import Ranker, best_first
from service.scoring.scorer import score
from tests.e2e.conftest import by_id

MOST = 200
NEW = {"category": "books", "brand": "b1", "price": 3.5}


@pytest.fixture(scope="module", params=["tensorflow", "onnx"])
def live(request, past_shop):
    version = LocalRegistry(past_shop.registry).resolve(ModelRef.parse("shop-history"))
    return load_version(version, runtime=request.param)


@pytest.fixture(scope="module")
def ranker(live, past_shop, tmp_path_factory):
    """A ranker whose catalog has every user and item of the shop."""
    files = {Entity.ITEM: past_shop.data / "items.csv", Entity.USER: past_shop.data / "users.csv"}
    catalog = Catalog(f"sqlite:{tmp_path_factory.mktemp('catalog') / 'catalog.sqlite'}", files)
    items = catalog.build(live.fitted.spec, live.manifest, live.runtime.item_states, lambda _: None)
    yield Ranker(live, items, catalog.store, MOST)
    catalog.store.close()


@pytest.fixture(scope="module")
def bare(live):
    """A ranker without a catalog."""
    return Ranker(live, None, None, MOST)


def asked(*questions):
    return [read_rank_request(json.dumps(question).encode(), max_candidates=MOST) for question in questions]


def logits(ranked):
    return {
        item: math.log(p / (1 - p))
        for item, p in zip(ranked.ids, ranked.probabilities.astype(float), strict=True)
    }


def assert_same(ranked, other):
    assert logits(ranked) == pytest.approx(logits(other), abs=1e-5)


def test_rank_and_score_agree(live, bare, question):
    [ranked] = bare.rank(asked(question))
    features = {"user": question["user"]["features"], "context": question["context"]}
    rows = [{**features, "item": candidate["features"]} for candidate in question["candidates"]]
    scored = score(rows, live).probabilities.astype(float)
    expected = {
        candidate["id"]: math.log(p / (1 - p))
        for candidate, p in zip(question["candidates"], scored, strict=True)
    }
    assert logits(ranked) == pytest.approx(expected, abs=1e-5)
    assert len(set(np.round(scored, 6))) > len(rows) // 2


def test_the_best_come_first(bare, question):
    [ranked] = bare.rank(asked(question))
    assert (np.diff(ranked.probabilities) <= 0).all()
    assert sorted(ranked.ids) == sorted(candidate["id"] for candidate in question["candidates"])


def test_ids_of_a_catalog_rank_as_their_features_do(ranker, bare, question):
    assert_same(ranker.rank(asked(by_id(question)))[0], bare.rank(asked(question))[0])


def test_ids_and_features_may_be_mixed(ranker, bare, question):
    mixed = [
        candidate if place % 2 else candidate["id"] for place, candidate in enumerate(question["candidates"])
    ]
    [ranked] = ranker.rank(asked(by_id(question, candidates=mixed)))
    assert_same(ranked, bare.rank(asked(question))[0])


def test_features_that_come_along_override_those_of_the_catalog(ranker, bare, question):
    first = question["candidates"][0]
    changed = {"id": first["id"], "features": {"category": "unheard of"}}
    whole = {"id": first["id"], "features": {**first["features"], "category": "unheard of"}}
    [ranked] = ranker.rank(asked(by_id(question, candidates=[changed])))
    assert_same(ranked, bare.rank(asked({**question, "candidates": [whole]}))[0])
    assert logits(ranked) != logits(ranker.rank(asked(by_id(question, candidates=[first["id"]])))[0])


def test_features_of_the_user_override_those_of_the_catalog(ranker, bare, question):
    user = {"id": question["user"]["id"], "features": {"gender": "unheard of"}}
    whole = {**question["user"], "features": {**question["user"]["features"], "gender": "unheard of"}}
    [ranked] = ranker.rank(asked(by_id(question, user=user)))
    assert_same(ranked, bare.rank(asked({**question, "user": whole}))[0])


@pytest.fixture
def unreadable(ranker, live, question, tmp_path):
    """A ranker whose catalog has a user and an item as a model took them that read other kinds of them."""
    catalog = Catalog(f"sqlite:{tmp_path / 'catalog.sqlite'}", {})
    user, item = question["user"], question["candidates"][0]
    catalog.store.put(Entity.USER, {user["id"]: orjson.dumps({**user["features"], "gender": ["x", "y"]})})
    other = question["candidates"][1]
    catalog.store.put(
        Entity.ITEM,
        {
            item["id"]: orjson.dumps({**item["features"], "price": "cheap"}),
            other["id"]: orjson.dumps({**other["features"], "price": "3.50"}),
        },
    )
    items = catalog.build(live.fitted.spec, live.manifest, live.runtime.item_states, lambda _: None)
    yield Ranker(live, items, catalog.store, MOST)
    catalog.store.close()


@pytest.mark.parametrize("own", [None, {"category": "books"}])
def test_what_the_catalog_has_and_this_model_cannot_read_counts_as_missing(unreadable, bare, question, own):
    user, item = question["user"], question["candidates"][0]
    candidate = item["id"] if own is None else {"id": item["id"], "features": own}
    [ranked] = unreadable.rank(asked(by_id(question, candidates=[candidate])))
    expected = {
        "user": {"id": user["id"], "features": {**user["features"], "gender": None}},
        "candidates": [{"id": item["id"], "features": {**item["features"], "price": None, **(own or {})}}],
    }
    assert_same(ranked, bare.rank(asked({**question, **expected}))[0])


@pytest.mark.parametrize("own", [None, {"category": "books"}])
def test_a_kept_text_that_is_a_number_is_one(unreadable, bare, question, own):
    item = question["candidates"][1]
    candidate = item["id"] if own is None else {"id": item["id"], "features": own}
    whole = {"id": item["id"], "features": {**item["features"], "price": 3.5, **(own or {})}}
    [ranked] = unreadable.rank(asked(by_id(question, user=question["user"], candidates=[candidate])))
    user = {**question["user"], "features": {**question["user"]["features"]}}
    assert_same(ranked, bare.rank(asked({**question, "user": user, "candidates": [whole]}))[0])


def test_what_is_lost_of_the_catalog_is_told_once(unreadable, question, caplog):
    for _ in range(3):
        unreadable.rank(asked(by_id(question, candidates=[question["candidates"][0]["id"]])))
    assert [record.getMessage() for record in caplog.records if "gender" in record.getMessage()] == [
        "the catalog's gender of some user is not what shop-history/1 reads; it counts as missing"
    ]


def test_what_a_request_brings_and_the_model_cannot_read_is_refused_whatever_the_catalog_has(
    unreadable, question
):
    user = {"id": question["user"]["id"], "features": {"gender": ["z"]}}
    with pytest.raises(InvalidRequestError, match="/user/features/gender"):
        unreadable.rank(asked(by_id(question, user=user, candidates=[question["candidates"][0]["id"]])))


def test_an_unknown_id_is_scored_from_what_it_came_with(ranker, bare, question):
    candidates = ["new", {"id": "newer", "features": NEW}]
    [ranked] = ranker.rank(asked(by_id(question, candidates=candidates)))
    assert sorted(ranked.ids) == ["new", "newer"]
    assert_same(ranked, bare.rank(asked({**question, "candidates": candidates}))[0])
    assert ranked.unknown == []


def test_unknown_ids_are_named_where_the_request_wants_it(ranker, question):
    known = question["candidates"][0]["id"]
    candidates = ["new", known, {"id": "newer", "features": NEW}]
    [ranked] = ranker.rank(asked(by_id(question, candidates=candidates, unknown="list")))
    assert (ranked.ids, ranked.unknown) == ([known], ["new", "newer"])


def test_nothing_but_unknown_ids_is_an_empty_ranking(ranker, question):
    [ranked] = ranker.rank(asked(by_id(question, candidates=["new"], unknown="list")))
    assert (ranked.ids, len(ranked.probabilities), ranked.unknown) == ([], 0, ["new"])


def test_a_filter_finds_the_candidates(ranker, past_shop, question):
    items = pl.read_csv(past_shop.data / "items.csv", infer_schema=False)
    category = items["category"][0]
    ids = items.filter(pl.col("category") == category)["item_id"].to_list()
    [found] = ranker.rank(asked(by_id(question, candidates={"filter": {"category": category}})))
    assert 1 < len(ids) < len(items)
    assert_same(found, ranker.rank(asked(by_id(question, candidates=ids)))[0])


def test_only_the_k_best_are_answered(ranker, question):
    [whole], [best] = (ranker.rank(asked(by_id(question, k=k))) for k in (None, 3))
    assert best.ids == whole.ids[:3]
    assert len(best.scored) == len(whole.ids)


def test_questions_of_a_batch_do_not_mix(ranker, question, past_rows):
    others = [
        by_id(question, user=row["user"]["user_id"], context=row["context"], candidates=candidates)
        for row, candidates in zip(
            past_rows[1:5],
            [["new"], [c["id"] for c in question["candidates"][:9]], [{"id": "x", "features": NEW}], ["new"]],
            strict=True,
        )
    ]
    together = ranker.rank(asked(by_id(question), *others))
    apart = [ranker.rank(asked(one))[0] for one in (by_id(question), *others)]
    for one, alone in zip(together, apart, strict=True):
        assert_same(one, alone)


def test_equals_keep_their_order():
    probabilities = np.array([0.2, 0.5, 0.1, 0.5, 0.5, 0.3], np.float32)
    assert best_first(probabilities, 2).tolist() == [1, 3]
    assert best_first(probabilities, None).tolist() == [1, 3, 4, 5, 0, 2]


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"candidates": [{"id": "a", "features": {"colour": 1}}]}, UnknownFeatureError, "/candidates/0/features/colour"),
        ({"candidates": ["a", {"id": "a", "features": {"price": "x"}}]}, InvalidRequestError, "/candidates/1/features/price"),
        ({"context": {"position": {}}}, InvalidRequestError, "/context/position"),
        ({"user": {"features": {"gender": []}}}, InvalidRequestError, "/user/features/gender"),
        ({"candidates": {"filter": {"categry": "books"}}}, InvalidRequestError, "/candidates/filter/categry"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_features_is_said_where_it_stands(ranker, question, changes, error, pointer):
    with pytest.raises(error) as refused:
        ranker.rank(asked(by_id(question, **changes)))
    assert refused.value.problems[0].pointer == pointer


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ({"colour": 1}, "unknown feature of the user: the model was trained on"),
        ({"gendr": "f"}, "did you mean 'gender'?"),
        ({"category": "books"}, "unknown feature of the user: 'category' belongs to the item"),
    ],
)
def test_an_unknown_feature_is_told_as_in_score(ranker, question, features, told):
    with pytest.raises(UnknownFeatureError, match=re.escape(told)):
        ranker.rank(asked(by_id(question, user={"id": "u", "features": features})))


def test_of_very_many_unknown_features_some_are_told_at_once(ranker, question):
    many = {f"f{number}": number for number in range(50_000)}
    began = time.perf_counter()
    with pytest.raises(UnknownFeatureError) as refused:
        ranker.rank(asked(by_id(question, user={"id": "u", "features": many})))
    assert len(refused.value.problems) == MAX_PROBLEMS
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"candidates": []}, InvalidRequestError, "/candidates"),
        ({"candidates": "i1"}, InvalidRequestError, "/candidates"),
        ({"candidates": ["i1", None]}, InvalidRequestError, "/candidates/1"),
        ({"candidates": [{"features": {}}]}, InvalidRequestError, "/candidates/0"),
        ({"candidates": [{"id": "a", "feature": {}}]}, InvalidRequestError, "/candidates/0/feature"),
        ({"candidates": ["a"] * (MOST + 1)}, TooManyRowsError, "/candidates"),
        ({"candidates": {"filter": {}}}, InvalidRequestError, "/candidates/filter"),
        ({"k": 0}, InvalidRequestError, "/k"),
        ({"k": True}, InvalidRequestError, "/k"),
        ({"unknown": "drop"}, InvalidRequestError, "/unknown"),
        ({"user": [1]}, InvalidRequestError, "/user"),
        ({"context": []}, InvalidRequestError, "/context"),
        ({"items": []}, InvalidRequestError, "/items"),
    ],
)
def test_a_request_that_is_none_is_refused_where_it_is_wrong(question, changes, error, pointer):
    with pytest.raises(error) as refused:
        asked(by_id(question, **changes))
    assert refused.value.problems[0].pointer == pointer


def test_a_filter_that_finds_too_many_is_refused(live, ranker, past_shop, question, tmp_path):
    catalog = Catalog(f"sqlite:{tmp_path / 'c.sqlite'}", {Entity.ITEM: past_shop.data / "items.csv"})
    items = catalog.build(live.fitted.spec, live.manifest, live.runtime.item_states, lambda _: None)
    category = pl.read_csv(past_shop.data / "items.csv")["category"].unique().to_list()
    with pytest.raises(TooManyRowsError, match="expected at most 5 items to match, 50 do"):
        Ranker(live, items, catalog.store, 5).rank(
            asked(by_id(question, candidates={"filter": {"category": category}}))
        )
    catalog.store.close()


class NoPurchases:
    """The runtime of a version, with one more target that has no probability."""

    def __init__(self, runtime):
        self._runtime = runtime

    def __getattr__(self, name):
        return getattr(self._runtime, name)

    def joint(self, *parts):
        answers = self._runtime.joint(*parts)
        return {**answers, "probability_purchase": np.full_like(answers["probability"], np.nan)}


def test_no_target_may_be_answered_with_anything_but_probabilities(live, question):
    spoiled = replace(live, runtime=NoPurchases(live.runtime))
    with pytest.raises(ScoringError, match="no probability for a candidate"):
        Ranker(spoiled, None, None, MOST).rank(asked(question))


def test_a_filter_needs_a_catalog(bare, question):
    with pytest.raises(InvalidRequestError, match="the service has no catalog"):
        bare.rank(asked(by_id(question, candidates={"filter": {"category": "books"}})))
