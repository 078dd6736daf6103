"""Every family behind the encoder in a SavedModel: what is loaded again gives the logits that the network gives."""

import numpy as np
import pytest
import tensorflow as tf

from features.encoder import Encoder
from features.fitted import FittedScale, FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from tests.training.conftest import draw_weights, make_network
from training.calibration import IDENTITY
from training.export import ServingModel
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
    }
)
FITTED = FittedSpec(
    spec=SPEC,
    fitted={
        "city": FittedVocabulary(tokens=("rome", "oslo")),
        "clicked_items": NothingFitted(),
        "item": FittedVocabulary(tokens=("i1", "i2", "i3")),
        "price": FittedScale(mean=1.0, std=2.0, low=0.0, high=9.0),
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
def test_an_export_gives_the_logits_of_its_network(encoder, tmp_path, family):
    network = make_network(encoder.layout, family=family, batch_norm=True, dropout=0.5)
    draw_weights(network)
    serving = ServingModel(encoder, network, keep_rate=1.0, calibration=IDENTITY)
    tf.saved_model.save(serving, tmp_path, signatures={"serving_default": serving.serve})
    loaded = tf.saved_model.load(tmp_path).signatures["serving_default"](**RAW)["logit"].numpy()
    encoded = encoder(RAW)
    assert loaded == pytest.approx(network((encoded.ids, encoded.values)).numpy(), rel=1e-5)
    assert len(np.unique(loaded)) == 3
