import numpy as np
import pytest
from scipy.special import expit

from features.spec import Half
from tests.training.conftest import make_layout, write_store
from training.config import TrainingConfig
from training.metrics import log_loss
from training.peers.boosted_trees import fit_trees
from training.progress import Silent

CITIES = 40
LAYOUT = make_layout([("city", Half.USER, CITIES)], [("price", Half.ITEM)])


def make_store(path, rows, seed, *, telling="city", keep_rate=1.0):
    """Impressions clicked in every other city, or at prices above zero, nine times in ten."""
    rng = np.random.default_rng(seed)
    ids, values = rng.integers(2, CITIES, (rows, 1)), rng.normal(size=(rows, 1))
    likes = ids[:, 0] % 2 == 0 if telling == "city" else values[:, 0] > 0
    clicked = rng.random(rows) < np.where(likes, 0.9, 0.1)
    kept = clicked | (rng.random(rows) < keep_rate)
    return write_store(path, LAYOUT, clicked[kept], ids=ids[kept], values=values[kept])


def fit_on(path, *, telling="city", keep_rate=1.0):
    train = make_store(path / "train", 4000, 1, telling=telling, keep_rate=keep_rate)
    validation = make_store(path / "validation", 2000, 2, telling=telling)
    settings = TrainingConfig(keep_rate=keep_rate)
    return fit_trees(train, validation, settings, Silent()), validation


def clicked_of(store):
    return store.read(0, store.rows)["clicked"]


@pytest.mark.parametrize("telling", ["city", "price"])
def test_trees_learn_from_ids_and_from_values(tmp_path, telling):
    model, validation = fit_on(tmp_path, telling=telling)
    # Whoever knows the city, or the price, still has the entropy of one in ten.
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert log_loss(clicked_of(validation), expit(model.predictor.logits(validation))) < entropy * 1.1


def test_ids_are_categories_and_not_numbers(tmp_path):
    model, _ = fit_on(tmp_path)
    first = model.booster.dump_model()["tree_info"][0]["tree_structure"]
    assert first["decision_type"] == "=="


def test_boosting_stops_when_the_validation_slice_has_enough(tmp_path):
    model, _ = fit_on(tmp_path)
    assert 1 < model.booster.num_trees() == model.booster.best_iteration < 100
    assert f"{model.booster.best_iteration} trees" in model.remark


def test_the_same_seed_gives_the_same_trees(tmp_path):
    first, validation = fit_on(tmp_path)
    second, _ = fit_on(tmp_path)
    assert np.array_equal(first.logits(validation), second.logits(validation))


def test_fewer_non_clicks_in_training_do_not_hasten_the_end(tmp_path):
    # On the full log these logits are too high by log 5 unless the stopping takes it off.
    model, validation = fit_on(tmp_path, keep_rate=0.2)
    probabilities = expit(model.logits(validation) + np.log(0.2))
    assert probabilities.mean() == pytest.approx(clicked_of(validation).mean(), abs=0.03)


def test_logits_come_in_the_order_of_the_store(tmp_path):
    model, validation = fit_on(tmp_path)
    backwards = write_store(
        tmp_path / "backwards",
        LAYOUT,
        clicked_of(validation)[::-1],
        ids=validation.read(0, validation.rows)["ids"][::-1],
        values=validation.read(0, validation.rows)["values"][::-1],
    )
    assert np.array_equal(model.logits(backwards), model.logits(validation)[::-1])
