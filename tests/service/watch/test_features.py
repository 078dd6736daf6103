"""What a real service tells about the features of its requests, against a profile that can be reckoned by hand."""

import math
import re
from dataclasses import replace

import pytest

from features.profile import ColumnProfile, DataProfile
from features.spec import RawKind
from registry.local import LocalRegistry
from registry.manifest import PROFILE
from service.app import create_app
from service.models.loader import load_version
from service.settings import ServiceSettings
from service.watch.features import MOST_VERSIONS, FeatureWatch
from tests.service.conftest import ROW

BEFORE = DataProfile(
    impressions=999,
    click_rate=0.1,
    columns={
        "city": ColumnProfile(
            kind=RawKind.TEXT, tokens=("berlin", "paris"), counts=(499, 249, 249), missing=0
        ),
        "age": ColumnProfile(kind=RawKind.NUMBER, edges=(20.0, 40.0), counts=(0, 998, 0), missing=0),
        "ad_id": ColumnProfile(kind=RawKind.NUMBER, edges=(1.0,), counts=(500, 499), missing=0),
    },
)
KNOWN = {**ROW, "user": {"city": "berlin", "age": 30}}
UNKNOWN = {
    "user": {"city": "atlantis", "age": None},
    "item": {"ad_id": "ad_1", "tags": ["red", "new", "blue"]},
}


@pytest.fixture(scope="module")
def watched(ready, make_bundle, tmp_path_factory):
    """After 500 rows of each kind: the text of ``/metrics``."""
    root = tmp_path_factory.mktemp("registry")
    LocalRegistry(root).publish(make_bundle({PROFILE: BEFORE.model_dump_json()}), "shop")
    with ready(registry=root) as service:
        for _ in range(10):
            service.score(*[KNOWN] * 50, *[UNKNOWN] * 50)
        told = ('axon_feature_rows_total{model="shop",version="1"} 1000.0', "axon_feature_drift_psi{")
        return service.wait_for("/metrics", lambda answer: all(one in answer.text for one in told)).text


def value(text, series, feature):
    labels = f'feature="{feature}",model="shop",version="1"'
    found = re.search(rf"^{series}{{{labels}}} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


@pytest.mark.parametrize(
    ("feature", "missing"), [("age", 500), ("city", 0), ("tags", 0), ("shown_at", 500), ("published", 500)]
)
def test_missing_values_are_counted_by_column(watched, feature, missing):
    assert value(watched, "axon_feature_missing_total", feature) == missing


def test_a_category_that_training_has_not_seen_is_out_of_vocabulary(watched):
    counted = [value(watched, f"axon_feature_{name}_total", "city") for name in ("oov", "tokens")]
    assert counted == [500, 1000]


def test_each_token_of_a_list_counts(watched):
    counted = [value(watched, f"axon_feature_{name}_total", "tags") for name in ("oov", "tokens")]
    assert counted == [500, 500 * 2 + 500 * 3]


def test_a_hashed_feature_has_no_vocabulary(watched):
    assert value(watched, "axon_feature_tokens_total", "ad_id") is None


def test_the_drift_of_a_text_is_its_population_stability_index(watched):
    before = [499.5 / 999, 249.5 / 999, 249.5 / 999, 0.5 / 999]
    now = [500.5 / 1002, 0.5 / 1002, 500.5 / 1002, 0.5 / 1002]
    by_hand = sum((b - a) * math.log(b / a) for a, b in zip(before, now, strict=True))
    assert value(watched, "axon_feature_drift_psi", "city") == pytest.approx(by_hand)


def test_missing_numbers_are_a_bin_of_their_own(watched):
    before = [0.5 / 1000, 998.5 / 1000, 0.5 / 1000, 0.5 / 1000]
    now = [0.5 / 1002, 500.5 / 1002, 0.5 / 1002, 500.5 / 1002]
    by_hand = sum((b - a) * math.log(b / a) for a, b in zip(before, now, strict=True))
    assert value(watched, "axon_feature_drift_psi", "age") == pytest.approx(by_hand)


def test_a_column_that_was_of_another_kind_is_not_compared(watched):
    assert value(watched, "axon_feature_drift_psi", "ad_id") is None


def test_no_row_is_looked_at_where_nobody_wants_it(published):
    metrics = create_app(ServiceSettings(watch_rows_per_s=0)).state.service.metrics
    metrics.features.scored(load_version(published), [ROW])
    metrics.features.count()
    assert [family.samples for family in metrics.features.collect()] == [[]] * 5


def test_versions_that_answer_no_more_are_let_go(published):
    live = load_version(published)
    watch = FeatureWatch(rows_per_s=1000)
    for number in range(1, 3 * MOST_VERSIONS):
        watch.scored(replace(live, origin=replace(published, number=number)), [ROW])
        watch.count()
    [rows] = [family for family in watch.collect() if family.name == "axon_feature_rows"]
    told = {sample.labels["version"] for sample in rows.samples}
    assert told == {str(number) for number in range(2 * MOST_VERSIONS, 3 * MOST_VERSIONS)}
