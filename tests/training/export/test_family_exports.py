"""Every family behind the encoder in a SavedModel: what is loaded again gives the logits that the network gives."""

import numpy as np
import pytest
import tensorflow as tf

from features.encoder import Encoder
from features.fitted import FittedCross, FittedScale, FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from registry.manifest import Split
from tests.training.conftest import draw_weights, make_network
from training.calibration import IDENTITY
from training.export.export import ServingModel
from training.models import FAMILIES

SPEC = FeatureSpec.model_validate(
    {
        "user": [
            {"kind": "categorical", "name": "city"},
            {
                "kind": "multi",
                "name": "clicked_items",
                "max_length": 3,
                "pooling": "attention",
                "like": "item",
            },
        ],
        "item": [
            {"kind": "categorical", "name": "item", "min_count": 1},
            {"kind": "numeric", "name": "price"},
        ],
        "crosses": [{"name": "city_item", "of": ["city", "item"], "buckets": 50}],
    }
)
FITTED = FittedSpec(
    spec=SPEC,
    fitted={
        "city": FittedVocabulary(tokens=("rome", "oslo")),
        "clicked_items": NothingFitted(),
        "item": FittedVocabulary(tokens=("i1", "i2", "i3")),
        "price": FittedScale(mean=1.0, std=2.0, low=0.0, high=9.0),
        "city_item": FittedCross(),
    },
)
RAW = {
    "city": tf.constant(["rome", "oslo", ""]),
    "clicked_items": tf.constant([["i1", "i3"], ["i2", "new"], ["", ""]]),
    "item": tf.constant(["i1", "new", "i3"]),
    "price": tf.constant([0.5, 3.0, 9.0], tf.float32),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return Encoder(FITTED, tmp_path_factory.mktemp("vocabularies"))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_states_and_the_joint_part_give_the_logits_of_the_whole(encoder, tmp_path, family):
    network = make_network(encoder.layout, family=family, batch_norm=True, dropout=0.5)
    draw_weights(network)
    serving = ServingModel(encoder, network, keep_rate=0.5, calibration=IDENTITY)
    tf.saved_model.save(serving, tmp_path, signatures=serving.signatures())
    call = tf.saved_model.load(tmp_path).signatures
    pairs = [(user, item) for user in range(3) for item in range(3)]
    crossed = {
        "city": tf.gather(RAW["city"], [user for user, _ in pairs]),
        "clicked_items": tf.gather(RAW["clicked_items"], [user for user, _ in pairs]),
        "item": tf.gather(RAW["item"], [item for _, item in pairs]),
        "price": tf.gather(RAW["price"], [item for _, item in pairs]),
    }
    whole = call["serving_default"](**crossed)["logit"].numpy()
    users = call["user_state"](city=RAW["city"])
    items = call["item_state"](item=RAW["item"], price=RAW["price"])
    split = call["joint"](
        **{
            Split.USER_STATE.value: users["state"],
            Split.USER_IDS.value: users["ids"],
            Split.OF_USER.value: tf.constant([user for user, _ in pairs]),
            Split.ITEM_STATE.value: tf.gather(items["state"], [item for _, item in pairs]),
            Split.ITEM_IDS.value: tf.gather(items["ids"], [item for _, item in pairs]),
            "clicked_items": crossed["clicked_items"],
        }
    )["logit"].numpy()
    assert split == pytest.approx(whole, abs=1e-5)
    assert len(np.unique(whole)) == 9


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_an_export_gives_the_logits_of_its_network(encoder, tmp_path, family):
    network = make_network(encoder.layout, family=family, batch_norm=True, dropout=0.5)
    draw_weights(network)
    encoded = encoder(RAW)
    expected = network((encoded.ids, encoded.values)).numpy()  # before batch normalisation is folded
    serving = ServingModel(encoder, network, keep_rate=1.0, calibration=IDENTITY)
    tf.saved_model.save(serving, tmp_path, signatures={"serving_default": serving.serve})
    loaded = tf.saved_model.load(tmp_path).signatures["serving_default"](**RAW)["logit"].numpy()
    assert loaded == pytest.approx(expected, rel=1e-4)
    assert len(np.unique(loaded)) == 3
