"""Every family as ONNX graphs: they answer as the original, the parts as the whole, and what differs is refused."""

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from features.encoder import Encoder
from features.fitted import FittedCross, FittedScale, FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from registry.manifest import OnnxGraph
from tests.training.conftest import draw_weights, make_network
from training.calibration import IDENTITY
from training.calibration.curves import Beta, Isotonic, Linear
from training.calibration.segments import PerSegment
from training.errors import ConversionError
from training.export.export import ServingModel
from training.export.onnx_check import checked_graphs
from training.export.onnx_export import converted
from training.models import FAMILIES
from training.targets import Targets

BARE = FittedSpec(
    spec=FeatureSpec.model_validate(
        {
            "user": [{"kind": "categorical", "name": "city"}, {"kind": "numeric", "name": "age"}],
            "item": [{"kind": "categorical", "name": "item"}],
        }
    ),
    fitted={
        "city": FittedVocabulary(tokens=("rome", "oslo")),
        "age": FittedScale(mean=1.0, std=2.0, low=0.0, high=9.0),
        "item": FittedVocabulary(tokens=("i1", "i2", "i3")),
    },
)
"""Nothing belongs to the joint half, and the item has no number."""

FULL = FittedSpec(
    spec=FeatureSpec.model_validate(
        {
            "user": [
                {"kind": "categorical", "name": "city"},
                {"kind": "numeric", "name": "age"},
                {"kind": "multi", "name": "liked", "pooling": "attention", "like": "item", "max_length": 3},
            ],
            "item": [
                {"kind": "categorical", "name": "item"},
                {"kind": "multi", "name": "tags", "max_length": 2},
            ],
            "crosses": [{"name": "cross", "of": ["city", "item"], "buckets": 9}],
        }
    ),
    fitted={
        **BARE.fitted,
        "liked": NothingFitted(),
        "tags": FittedVocabulary(tokens=("red",)),
        "cross": FittedCross(),
    },
)
"""A sequence that attends the item, and a cross of both sides."""

LOG = pl.DataFrame(
    {
        "city": ["rome", "oslo", "", "lima"] * 25,
        "age": np.linspace(-1, 12, 100, dtype=np.float32),
        "item": ["i1", "i2", "new", "", "i3"] * 20,
        "liked": [["i1"], [], ["i3", "new"], ["", "i2"]] * 25,
        "tags": [["red", "blue"], []] * 50,
    }
)


@pytest.fixture
def serving(tmp_path):
    """A network with weights of its own behind the encoder of a spec."""

    def make(fitted, *, calibration=IDENTITY, further=(), targets=None, **config):
        encoder = Encoder(fitted, tmp_path)
        network = make_network(encoder.layout, targets or Targets(), **config)
        draw_weights(network)
        return ServingModel(encoder, network, 0.5, calibration, further)

    return make


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_converts_and_answers_as_the_original(serving, family):
    assert set(checked_graphs(serving(BARE, family=family), LOG)) == set(OnnxGraph)


def test_the_exact_gelu_converts(serving):
    assert checked_graphs(serving(BARE, family="mlp", activation="gelu"), LOG)


def test_sequences_crosses_and_norms_convert(serving):
    assert checked_graphs(serving(FULL, family="final_mlp", batch_norm=True), LOG)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param(Beta(low=1.2, high=0.8, offset=0.1), Beta(low=0.5, high=2.0, offset=-1.0), id="beta"),
        pytest.param(
            Isotonic(logits=(-1.0, 0.5, 2.0), calibrated=(-2.0, 0.0, 0.5)),
            Isotonic(logits=(0.0,), calibrated=(1.0,)),
            id="isotonic",
        ),
    ],
)
def test_a_curve_per_segment_converts(serving, low, high):
    calibration = PerSegment(feature="city", otherwise=low, by_id={2: high, 3: low})
    assert checked_graphs(serving(FULL, family="logistic", calibration=calibration), LOG)


def test_several_targets_convert(serving):
    targets = Targets(("click", "play", "purchase"), (None, 0, 1), (1.0, 1.0, 1.0))
    steep = Linear(kind="platt", slope=2.0, offset=0.5)
    model = serving(
        BARE, family="mlp", sharing="mmoe", targets=targets, calibration=steep, further=(IDENTITY, steep)
    )
    assert checked_graphs(model, LOG)


def test_the_graph_of_a_half_holds_the_embeddings_of_its_fields_alone(serving):
    many = FittedVocabulary(tokens=tuple(f"i{number}" for number in range(5000)))
    fitted = FittedSpec(spec=BARE.spec, fitted={**BARE.fitted, "item": many})
    graphs = checked_graphs(serving(fitted, family="mlp", embedding_dim=8), LOG)
    table_bytes = 5000 * 8 * 4
    assert {name for name, graph in graphs.items() if len(graph) > table_bytes} == {
        OnnxGraph.NETWORK,
        OnnxGraph.ITEM_STATE,
    }


def test_the_network_is_left_as_it_was(serving):
    model = serving(BARE, family="mlp")
    ids, values = np.array([[1, 2], [3, 4]], np.int32), np.zeros((2, 1), np.float32)
    before = model.logits(ids, values).numpy()
    checked_graphs(model, LOG)
    assert np.array_equal(model.logits(ids, values).numpy(), before)


def test_an_encoder_that_differs_is_refused_by_the_name_of_its_feature(serving):
    model = serving(BARE, family="logistic")
    tokens = FittedVocabulary(tokens=("oslo", "rome"))
    model.encoder.fitted = FittedSpec(spec=BARE.spec, fitted={**BARE.fitted, "city": tokens})
    with pytest.raises(ConversionError, match=r"the id of 'city' is .* in the graph and .* in NumPy"):
        checked_graphs(model, LOG)


def test_a_network_that_does_not_convert_is_refused(serving, monkeypatch):
    model = serving(BARE, family="logistic")
    # An operation that ONNX does not know.
    monkeypatch.setattr(model, "outputs", lambda logits, ids: {"logit": tf.math.bessel_i1(logits)})
    with pytest.raises(ConversionError, match="network does not convert to ONNX"):
        checked_graphs(model, LOG)


def test_a_rare_click_has_the_same_odds_in_both(serving):
    # A sigmoid that is exact to seven decimals has one digit left of a probability of a millionth.
    rare = Linear(kind="platt", slope=0.1, offset=-13.0)
    assert checked_graphs(serving(BARE, family="logistic", calibration=rare), LOG)


@pytest.mark.parametrize(
    ("place", "told"), [(0, "probability of the network"), (1, "probability_purchase of the network")]
)
def test_a_graph_whose_answer_to_one_target_is_off_is_refused(serving, monkeypatch, place, told):
    targets = Targets(("click", "purchase"), (None, 0), (1.0, 1.0))
    offsets = [-1.0, -5.0]
    curves = [Linear(kind="platt", slope=0.1, offset=offset) for offset in offsets]
    model = serving(BARE, family="mlp", targets=targets, calibration=curves[0], further=(curves[1],))
    assert checked_graphs(model, LOG)
    curves[place] = Linear(kind="platt", slope=0.1, offset=offsets[place] + 1e-4)
    off = serving(BARE, family="mlp", targets=targets, calibration=curves[0], further=(curves[1],))
    monkeypatch.setattr("training.export.onnx_check.converted", lambda _: converted(off))
    with pytest.raises(ConversionError, match=told):
        checked_graphs(model, LOG)
