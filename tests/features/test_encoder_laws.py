"""What holds for the encoder whatever comes in: ids inside their tables, batches equal to rows, one answer everywhere."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encoder import Encoder, input_signature
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

REPOSITORY = Path(__file__).parents[2]
EVERY_KIND = {
    "user": [
        {"kind": "categorical", "name": "city", "oov_buckets": 3},
        {"kind": "categorical", "name": "new", "missing": "oov", "oov": "missing"},
        {"kind": "numeric", "name": "income", "scale": "log", "indicator": True},
    ],
    "item": [
        {"kind": "multi", "name": "tags", "max_length": 3, "missing": "oov"},
        {"kind": "hashed", "name": "brand", "buckets": 5},
        {"kind": "buckets", "name": "price", "missing_values": [-1]},
        {"kind": "age", "name": "age", "column": "listed", "at": "shown_at", "clip": False},
    ],
    "context": [
        {
            "kind": "time_part",
            "name": "hour",
            "column": "shown_at",
            "part": "hour_of_week",
            "time_zone": "Europe/Berlin",
        }
    ],
    "crosses": [{"name": "cross", "of": ["city", "price", "hour"], "buckets": 11}],
}
SPEC = FeatureSpec.model_validate(EVERY_KIND)
SCALE = FittedScale(mean=1.0, std=0.3, low=-2.0, high=5.0)
FITTED = FittedSpec(
    spec=SPEC,
    fitted={
        "city": FittedVocabulary(tokens=("rome", "new york", " ", "größe")),
        "new": FittedVocabulary(tokens=()),
        "income": SCALE,
        "tags": FittedVocabulary(tokens=("red", "a b")),
        "brand": NothingFitted(),
        "price": FittedEdges(edges=(-2.5, 0.0, 7.25)),
        "age": SCALE,
        "hour": FittedTimeZone.of("Europe/Berlin"),
        "cross": FittedCross(),
    },
)

TEXTS = st.one_of(st.none(), st.sampled_from(["rome", "new york", " ", "a b", "red"]), st.text(max_size=12))
NUMBERS = st.one_of(st.none(), st.floats(-3.4e38, 3.4e38), st.integers(-(10**9), 10**9), st.just(-1))
TIMES = st.one_of(st.none(), st.integers(-253_402_300_799_999, 253_402_300_799_999))
IMPRESSIONS = st.fixed_dictionaries(
    {
        "city": TEXTS,
        "new": TEXTS,
        "income": NUMBERS,
        "tags": st.lists(TEXTS, max_size=5),
        "brand": TEXTS,
        "price": NUMBERS,
        "listed": TIMES,
        "shown_at": TIMES,
    }
)
ROME = {
    "city": "rome",
    "new": "x",
    "income": 5.5,
    "tags": ["a b", "z"],
    "brand": "acme",
    "price": 0.1,
    "listed": 86_400_000,
    "shown_at": 1_651_708_800_000,
}
NOTHING = dict.fromkeys(ROME)


def tensors(impressions, spec=SPEC):
    columns = {}
    for raw in spec.raw_inputs():
        array = to_array(raw, [from_json(raw, impression[raw.column]) for impression in impressions])
        columns[raw.column] = tf.constant(array, tf.string if array.dtype == object else None)
    return columns


def graph_of(fitted, directory):
    return tf.function(Encoder(fitted, directory).__call__, input_signature=[input_signature(fitted)])


@pytest.fixture(scope="module")
def encode(tmp_path_factory):
    """Encodes impressions with every kind of feature, in a graph; ids and values as arrays."""
    run = graph_of(FITTED, tmp_path_factory.mktemp("vocabularies"))

    def encode(impressions):
        ids, values = run(tensors(impressions))
        return ids.numpy(), values.numpy()

    return encode


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=5))
def test_every_id_lies_inside_its_table(encode, impressions):
    ids, _ = encode(impressions)
    for field in FITTED.layout().ids:
        inside = ids[:, field.start : field.stop]
        assert ((inside >= 0) & (inside < field.rows)).all()


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=5))
def test_every_value_is_finite(encode, impressions):
    assert np.isfinite(encode(impressions)[1]).all()


@given(tokens=st.lists(st.text(max_size=8), unique=True, max_size=6))
@settings(max_examples=30)
def test_every_token_that_the_statistics_may_keep_is_found(tmp_path, tokens):
    kept = [token for token in tokens if token and not {"\n", "\r"} & set(token)]
    spec = FeatureSpec.model_validate({"user": [{"kind": "categorical", "name": "f"}]})
    fitted = FittedSpec(spec=spec, fitted={"f": FittedVocabulary(tokens=tuple(kept))})
    ids = Encoder(fitted, tmp_path)({"f": tf.constant(kept, tf.string)}).ids
    assert ids.numpy()[:, 0].tolist() == [2 + place for place in range(len(kept))]


def test_two_encoders_in_one_directory_keep_their_own_vocabularies(tmp_path):
    spec = FeatureSpec.model_validate({"user": [{"kind": "categorical", "name": "f"}]})
    parts = [FittedVocabulary(tokens=tokens) for tokens in (("red",), ("blue", "red"))]
    encoders = [Encoder(FittedSpec(spec=spec, fitted={"f": part}), tmp_path) for part in parts]
    assert [encoder({"f": tf.constant(["red"])}).ids.numpy().tolist() for encoder in encoders] == [
        [[2]],
        [[3]],
    ]


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=5))
def test_a_batch_is_its_rows(encode, impressions):
    ids, values = encode(impressions)
    rows = [encode([impression]) for impression in impressions]
    assert np.array_equal(ids, np.concatenate([row[0] for row in rows]))
    assert np.array_equal(values, np.concatenate([row[1] for row in rows]))


def test_an_empty_batch_has_no_row(encode):
    ids, values = encode([])
    layout = FITTED.layout()
    assert (ids.shape, values.shape) == ((0, layout.id_width), (0, layout.value_width))


def test_a_batch_in_which_everything_is_missing_is_encoded(encode):
    assert encode([NOTHING])[0].shape == (1, FITTED.layout().id_width)


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=3))
def test_eager_and_graph_encode_alike(encode, tmp_path, impressions):
    eager = Encoder(FITTED, tmp_path)(tensors(impressions))
    ids, values = encode(impressions)
    assert np.array_equal(eager.ids.numpy(), ids)
    assert np.array_equal(eager.values.numpy(), values)


@given(impressions=st.lists(IMPRESSIONS, min_size=1, max_size=3))
@settings(max_examples=10)
def test_encoding_after_a_json_round_trip_is_the_same(encode, tmp_path_factory, impressions):
    again = FittedSpec.model_validate_json(FITTED.model_dump_json())
    encoded = Encoder(again, tmp_path_factory.mktemp("again"))(tensors(impressions))
    ids, values = encode(impressions)
    assert np.array_equal(encoded.ids.numpy(), ids)
    assert np.array_equal(encoded.values.numpy(), values)


class Exported(tf.Module):  # type: ignore[misc]  # TensorFlow is Any to the type checker
    """The encoder behind one signature, as the export has it."""

    def __init__(self, directory):
        super().__init__()
        self.encoder = Encoder(FITTED, directory)
        self.encode = tf.function(self._encode, input_signature=[input_signature(FITTED)])

    def _encode(self, raw):
        return self.encoder(raw)._asdict()


def test_the_export_encodes_as_its_source_even_when_the_vocabulary_files_are_gone(encode, tmp_path):
    vocabularies = tmp_path / "vocabularies"
    vocabularies.mkdir()
    exported = Exported(vocabularies)
    tf.saved_model.save(exported, tmp_path / "saved", signatures={"encode": exported.encode})
    vocabularies.rename(tmp_path / "elsewhere")
    loaded = tf.saved_model.load(tmp_path / "saved").signatures["encode"](**tensors([ROME, NOTHING]))
    ids, values = encode([ROME, NOTHING])
    assert np.array_equal(loaded["ids"].numpy(), ids)
    assert np.array_equal(loaded["values"].numpy(), values)


OTHER_PROCESS = """
import json, sys
from pathlib import Path
import tests.features.test_encoder_laws as laws
ids, values = laws.graph_of(laws.FITTED, Path(sys.argv[1]))(laws.tensors([laws.ROME, laws.NOTHING]))
print(json.dumps([ids.numpy().tolist(), values.numpy().tobytes().hex()]))
"""


def test_another_process_encodes_to_the_same_bits(encode, tmp_path):
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120)
    ids, values = encode([ROME, NOTHING])
    assert json.loads(answer.stdout) == [ids.tolist(), values.tobytes().hex()]
