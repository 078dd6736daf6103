"""Which id columns may be trained as out of vocabulary, and how many ids they have for it."""

from features.encoder import Encoder
from features.fitted import FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from training.encoding.encode import UNKNOWN_IS_MISSING, droppable_columns

FEATURES = {
    "user": [
        {"kind": "categorical", "name": "city", "oov_buckets": 3},
        {"kind": "categorical", "name": "device"},
        {"kind": "categorical", "name": "shop", "oov": "missing"},
        {"kind": "hashed", "name": "agent", "buckets": 8},
    ],
    "item": [{"kind": "multi", "name": "tags", "max_length": 2}],
}


def test_single_valued_vocabularies_may_be_dropped_into_their_oov_ids(tmp_path):
    vocabulary = FittedVocabulary(tokens=("a", "b"))
    fitted = {
        "city": vocabulary,
        "device": vocabulary,
        "shop": vocabulary,
        "agent": NothingFitted(),
        "tags": vocabulary,
    }
    encoder = Encoder(FittedSpec(spec=FeatureSpec.model_validate(FEATURES), fitted=fitted), tmp_path)
    # City, device, shop, agent, and two columns of tags.
    assert droppable_columns(encoder).tolist() == [3, 1, UNKNOWN_IS_MISSING, 0, 0, 0]
