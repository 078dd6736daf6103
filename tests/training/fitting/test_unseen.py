"""Users that nobody knows, in a world whose users differ by their group alone: ids may cost them nothing."""

import numpy as np
import pytest
from scipy.special import expit

from features.spec import FIRST_OOV_ID, Half
from tests.training.conftest import make_layout, run_fit, write_store
from training.metrics import auc

USERS, GROUPS, KINDS = 400, 6, 12
FIRST_USER = FIRST_OOV_ID + 1
WITHOUT_IDS = make_layout([("group", Half.USER, GROUPS), ("kind", Half.ITEM, KINDS)])
WITH_IDS = make_layout(
    [("user", Half.USER, FIRST_USER + USERS), ("group", Half.USER, GROUPS), ("kind", Half.ITEM, KINDS)]
)
DROPPABLE = np.array([1, 0, 0], np.int32)


def impressions(seed, rows):
    """Users, groups and kinds ``(rows, 3)`` and their clicks; every group likes some kinds."""
    rng = np.random.default_rng(seed)
    users = rng.integers(0, USERS, rows)
    kinds = rng.integers(0, KINDS, rows)
    likes = np.random.default_rng(0).normal(scale=1.2, size=(GROUPS, KINDS))
    groups = users % GROUPS
    clicked = rng.random(rows) < expit(likes[groups, kinds] - 2.0)
    return np.stack([FIRST_USER + users, groups, kinds], axis=1), clicked.astype(np.float32)


@pytest.fixture(scope="module")
def auc_of_strangers(tmp_path_factory):
    """Trains with or without the ids; AUC of later impressions, none of whose users was ever seen."""
    later, clicked = impressions(3, 60_000)
    later[:, 0] = FIRST_OOV_ID

    def judged(columns, **training):
        folder = tmp_path_factory.mktemp("log")
        layout = WITH_IDS if columns == 3 else WITHOUT_IDS
        train, validation, strangers = (
            write_store(folder / str(place), layout, labels, ids=ids[:, -columns:])
            for place, (ids, labels) in enumerate(
                [impressions(1, 64_000), impressions(2, 8_000), (later, clicked)]
            )
        )
        model = run_fit(
            (train, validation),
            layout,
            model={"embedding_dim": 16, "hidden": (64,)},
            droppable=DROPPABLE[-columns:],
            epochs=12,
            batch_size=256,
            optimizer={"learning_rate": 0.006},
            ema=0.99,
            **training,
        )
        return auc(clicked, expit(model.predictor.logits(strangers)))

    return judged


KEPT_SMALL = {"id_dropout": 0.2, "l2_rare": 50}
BY_HEART = {"id_dropout": 0.0}


def test_ids_cost_strangers_nothing(auc_of_strangers):
    assert auc_of_strangers(3, **KEPT_SMALL) > auc_of_strangers(2, **KEPT_SMALL) - 0.001


def test_ids_that_are_learned_by_heart_do(auc_of_strangers):
    assert auc_of_strangers(3, **BY_HEART) < auc_of_strangers(2, **BY_HEART) - 0.002
