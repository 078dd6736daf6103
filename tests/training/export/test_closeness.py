"""What counts as the same answer: distances in the logit, of every output, and a split model that is off is refused."""

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from scipy.special import expit

from features.encoder import Encoder
from features.fitted import FittedSpec, FittedVocabulary
from features.spec import FeatureSpec
from tests.training.conftest import draw_weights, make_network
from training.calibration.curves import Linear
from training.errors import SkewError
from training.export.closeness import LOGIT_TOLERANCE, distances
from training.export.export import ServingModel
from training.export.loaded import LoadedModel
from training.export.parity import check_split
from training.targets import Targets

FITTED = FittedSpec(
    spec=FeatureSpec.model_validate(
        {
            "user": [{"kind": "categorical", "name": "city"}],
            "item": [{"kind": "categorical", "name": "item"}],
        }
    ),
    fitted={
        "city": FittedVocabulary(tokens=("rome", "oslo")),
        "item": FittedVocabulary(tokens=("i1", "i2", "i3")),
    },
)
FRAME = pl.DataFrame({"city": ["rome", "oslo", "new", ""], "item": ["i1", "i3", "i2", "i1"]})
RARE = Linear(kind="platt", slope=0.2, offset=-6.0)


class Off(ServingModel):
    """Its joint part adds a little to the last head, which the whole network does not."""

    def joint(self, *given):
        logits = super().joint(*given)
        return logits + tf.constant([0.0] * (logits.shape[1] - 1) + [1e-3])


@pytest.fixture
def answers(tmp_path):
    def make(kind):
        encoder = Encoder(FITTED, tmp_path)
        targets = Targets(("click", "purchase"), (None, None), (1.0, 1.0))
        network = make_network(encoder.layout, targets, family="mlp")
        draw_weights(network)
        serving = kind(encoder, network, 1.0, RARE, (RARE,))
        tf.saved_model.save(serving, tmp_path / "bundle", signatures=serving.signatures())
        model = LoadedModel(tf.saved_model.load(tmp_path / "bundle"), FITTED)
        return model.outputs(FRAME), model.split_outputs(FRAME)

    return make


def outputs(logits):
    logits = np.asarray(logits, np.float64)
    return {"logit": logits.astype(np.float32), "probability": expit(logits).astype(np.float32)}


def test_a_split_model_answers_for_every_target_as_the_whole(answers):
    whole, split = answers(ServingModel)
    assert set(whole) == {"logit", "probability", "probability_click", "probability_purchase"}
    check_split(whole, split)


def test_a_joint_part_that_is_off_for_the_last_target_alone_is_refused(answers):
    with pytest.raises(SkewError, match="give the network's probability_purchase within 1e-05 in the logit"):
        check_split(*answers(Off))


@pytest.mark.parametrize("logit", [-100.0, -16.0, -9.0, -1.0, 0.0, 3.0, 9.0, 17.0, 17.33, 30.0])
def test_the_rounding_of_a_probability_is_no_distance(logit):
    near = outputs([logit])
    for towards in (0.0, 1.0):
        digit = {**near, "probability": np.nextafter(near["probability"], np.float32(towards))}
        assert distances(near, digit)["probability"].max() <= LOGIT_TOLERANCE
        assert distances(digit, near)["probability"].max() <= LOGIT_TOLERANCE


@pytest.mark.parametrize("logit", [-16.0, -9.0, -1.0, 0.0, 3.0])
def test_a_logit_that_is_off_is_seen_in_its_probability_too(logit):
    apart = distances(outputs([logit]), outputs([logit + 1e-4]))
    assert all(distance.max() > LOGIT_TOLERANCE for distance in apart.values())


def test_beyond_a_large_logit_the_distance_is_a_share():
    apart = distances(outputs([-40.0]), outputs([-40.0 - 3e-5]))
    assert apart["logit"].max() == pytest.approx(3e-5 / 4, rel=0.1)


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_what_is_no_number_is_never_near(output):
    none = {**outputs([0.0]), output: np.array([np.nan], np.float32)}
    assert not (distances(outputs([0.0]), none)[output] <= LOGIT_TOLERANCE).any()


def test_a_certain_answer_is_near_to_itself_alone():
    certain = {"logit": np.zeros(2, np.float32), "probability": np.array([0.0, 1.0], np.float32)}
    other = {**certain, "probability": np.array([0.0, 0.5], np.float32)}
    assert (distances(certain, other)["probability"] <= LOGIT_TOLERANCE).tolist() == [True, False]


def test_outputs_of_other_names_are_no_answers():
    with pytest.raises(ValueError, match=r"expected the outputs \['logit', 'probability'\], got \['logit'\]"):
        distances(outputs([0.0]), {"logit": np.zeros(1, np.float32)})
