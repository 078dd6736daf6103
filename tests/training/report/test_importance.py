import numpy as np
import pytest

from features.layout import EncodedLayout, IdField, ValueField
from features.spec import FeatureSpec, Half
from training.metrics import log_loss
from training.progress import Silent
from training.report.importance import (
    MOST_IMPRESSIONS,
    MOST_PREDICTIONS,
    REPEATS,
    auc_of_each,
    columns_of_features,
    impressions_to_permute,
    permutation_importance,
)

ROWS = 400


def make_records():
    """The first id decides the click, the second is the same for everybody, the third is noise; a value repeats the first."""
    rng = np.random.default_rng(3)
    records = np.zeros(ROWS, [("ids", "<i4", (3,)), ("values", "<f4", (1,)), ("clicked", "<f4")])
    records["ids"][:, 0] = rng.integers(0, 2, ROWS)
    records["ids"][:, 1] = 7
    records["ids"][:, 2] = rng.integers(0, 9, ROWS)
    records["values"][:, 0] = records["ids"][:, 0]
    records["clicked"] = records["ids"][:, 0]
    return records


FEATURES = {"noise": ((2,), ()), "same": ((1,), ()), "telling": ((0,), ())}


def loss_of_the_first_id(records):
    return log_loss(records["clicked"], np.where(records["ids"][:, 0] == 1, 0.8, 0.2))


def loss_of_the_first_id_and_its_value(records):
    sure = records["ids"][:, 0] + records["values"][:, 0]
    return log_loss(records["clicked"], np.choose(sure.astype(int), [0.1, 0.5, 0.9]))


def importance_of(features=FEATURES, loss=loss_of_the_first_id, seed=1, records=None):
    records = make_records() if records is None else records
    alone = auc_of_each(records, records, features)
    return permutation_importance(records, features, loss, alone=alone, seed=seed, progress=Silent())


def found_for(importance, name):
    return next(found for found in importance.features if found.feature == name)


def test_the_feature_that_decides_comes_first():
    assert importance_of().features[0].feature == "telling"


def test_what_a_deciding_feature_costs_is_what_wrong_answers_cost():
    # Half of the impressions get the other id, and then 0.2 stands where 0.8 stood.
    expected = 0.5 * (np.log(0.8) - np.log(0.2))
    assert found_for(importance_of(), "telling").increase == pytest.approx(expected, rel=0.1)


def test_permuting_a_constant_feature_costs_exactly_nothing():
    found = found_for(importance_of(), "same")
    assert (found.increase, found.spread) == (0.0, 0.0)


def test_a_feature_that_the_model_does_not_look_at_costs_exactly_nothing():
    assert found_for(importance_of(), "noise").increase == 0.0


def test_what_a_feature_says_alone_is_learned_from_other_impressions_than_it_is_judged_on():
    records, later = make_records(), make_records()
    later["ids"][:, 2] = (
        9 + later["ids"][:, 0]
    )  # these values tell the later clicks, and nobody had seen them before
    alone = auc_of_each(records, later, FEATURES)
    assert alone == {"telling": 1.0, "same": 0.5, "noise": 0.5}
    assert found_for(importance_of(), "telling").alone == 1.0


def test_the_best_column_of_a_feature_speaks_for_it_and_numbers_are_binned():
    alone = auc_of_each(make_records(), make_records(), {"both": ((2,), (0,)), "noise": ((2,), ())})
    assert alone["both"] == 1.0
    assert (alone["noise"] or 1.0) < 0.7


def test_of_a_few_clicks_nothing_is_said():
    later = make_records()
    later["clicked"] = np.arange(ROWS) < 19
    assert auc_of_each(make_records(), later, FEATURES) == dict.fromkeys(FEATURES)


def test_columns_of_one_feature_move_together():
    together = importance_of({"both": ((0,), (0,))}, loss_of_the_first_id_and_its_value)
    # Had they moved apart, some impressions would say 0.5; together they are either right or wrong.
    expected = 0.5 * (np.log(0.9) - np.log(0.1))
    assert together.features[0].increase == pytest.approx(expected, rel=0.1)


def test_a_feature_hides_another_that_says_the_same():
    alone = importance_of({"id": ((0,), ()), "value": ((), (0,))}, loss_of_the_first_id_and_its_value)
    together = importance_of({"both": ((0,), (0,))}, loss_of_the_first_id_and_its_value)
    assert sum(found.increase for found in alone.features) < together.features[0].increase


def test_the_same_seed_permutes_alike_and_another_does_not():
    assert importance_of(seed=1) == importance_of(seed=1)
    assert importance_of(seed=1) != importance_of(seed=2)


def test_the_impressions_stay_as_they_were():
    records = make_records()
    importance_of(records=records)
    assert (records == make_records()).all()


def test_few_features_are_permuted_on_many_impressions_and_many_on_fewer():
    assert impressions_to_permute(3) == MOST_IMPRESSIONS
    assert impressions_to_permute(100) == MOST_PREDICTIONS // (100 * REPEATS)


def test_an_ensemble_is_asked_about_fewer_impressions():
    assert impressions_to_permute(100, networks=5) == impressions_to_permute(100) // 5


def test_a_number_and_its_indicator_and_a_list_are_one_feature_each():
    layout = EncodedLayout(
        (IdField("city", Half.USER, 5, 0), IdField("tags", Half.ITEM, 5, 1, width=3, pooling="mean")),
        (ValueField("income", Half.USER, 0), ValueField("income:missing", Half.USER, 1)),
    )
    spec = FeatureSpec.model_validate({"user": [{"kind": "categorical", "name": "city"}]})
    assert columns_of_features(spec, layout) == {
        "city": ((0,), ()),
        "tags": ((1, 2, 3), ()),
        "income": ((), (0, 1)),
    }


def test_all_that_an_activity_counts_is_one_feature():
    spec = FeatureSpec.model_validate(
        {
            "user": [{"kind": "categorical", "name": "user_id"}],
            "history": [{"kind": "activity", "name": "seen", "of": ["user_id"], "half_lives": ["1d"]}],
        }
    )
    names = ["seen_rate", "seen_impressions", "seen_rate_1d", "seen_since_click", "seen_since_click:missing"]
    layout = EncodedLayout((), tuple(ValueField(name, Half.USER, place) for place, name in enumerate(names)))
    assert columns_of_features(spec, layout) == {"seen": ((), (0, 1, 2, 3, 4))}
