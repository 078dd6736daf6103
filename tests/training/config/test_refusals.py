"""What is no task file: refused in the words of whoever wrote it."""

import pytest
from pydantic import ValidationError

from tests.training.task_documents import make_data, make_document, refusal
from training.config import load_config, parse_config
from training.errors import ConfigError

# Unknown keys


@pytest.mark.parametrize(
    ("document", "place", "nearest"),
    [
        pytest.param(make_document(modle={}), "modle", "model", id="the file"),
        pytest.param(make_document(data=make_data(sepator=";")), "data.sepator", "separator", id="a part"),
        pytest.param(
            make_document(data=make_data(time={"column": "t", "fromat": "iso"})),
            "data.time.fromat",
            "format",
            id="the time",
        ),
        pytest.param(
            make_document(training={"optimizer": {"learning_rte": 0.1}}),
            "training.optimizer.learning_rte",
            "learning_rate",
            id="a part of a part",
        ),
        pytest.param(
            make_document(features={"user": [{"kind": "categorical", "name": "city", "min_cout": 3}]}),
            "min_cout",
            "min_count",
            id="a feature",
        ),
        pytest.param(
            make_document(features={"users": []}), "features.users", "user", id="a side of the features"
        ),
        pytest.param(
            make_document(features={"user": [], "crosses": [{"name": "c", "of": ["a", "b"], "bucket": 3}]}),
            "bucket",
            "buckets",
            id="a cross",
        ),
        pytest.param(
            make_document(features={"time_columns": {"listed": {"time_zon": "UTC"}}}),
            "time_zon",
            "time_zone",
            id="a time column",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(document, place, nearest):
    text = refusal(document)
    assert f"{place}: unknown key" in text
    assert f"did you mean {nearest!r}?" in text


def test_a_key_of_another_kind_of_feature_is_not_suggested():
    numeric = {"kind": "numeric", "name": "price", "min_count": 3}
    assert "did you mean 'min_count'" not in refusal(make_document(features={"item": [numeric]}))


def test_where_no_key_is_near_the_known_ones_are_listed():
    assert "known keys: checks_per_epoch, min_delta, patience" in refusal(
        make_document(training={"early_stopping": {"zzz": 1}})
    )


# Other mistakes


def test_every_mistake_is_told_at_once():
    text = refusal(make_document(name="a shop", model={"dropout": 2}, training={"epochs": "many"}))
    assert "3 thing(s) to mend" in text
    assert [place in text for place in ("name:", "model.dropout:", "training.epochs:")] == [True] * 3


def test_a_mistake_shows_what_came():
    assert "(got 'many')" in refusal(make_document(training={"epochs": "many"}))


def test_a_misspelt_word_is_told_with_the_words_there_are_and_the_nearest():
    text = refusal(make_document(training={"calibration": "plat"}))
    assert text.endswith(
        "training.calibration.kind: expected 'auto', 'none', 'temperature', 'platt', 'beta' or 'isotonic' (got 'plat'); "
        "did you mean 'platt'?"
    )


def test_a_word_that_is_near_to_none_is_told_with_the_words_there_are_alone():
    assert refusal(make_document(training={"calibration": "42"})).endswith("(got '42')")


@pytest.mark.parametrize("value", [3, ["platt"]])
def test_a_part_that_is_no_mapping_is_told_so(value):
    assert f"training.calibration: expected a mapping of keys to values (got {value})" in refusal(
        make_document(training={"calibration": value})
    )


def test_a_missing_key_is_named():
    assert "data.label: Field required" in refusal(
        make_document(data={"log": "log.csv", "time": {"column": "t"}})
    )


def test_a_contradiction_among_the_features_is_told():
    feature = {"kind": "categorical", "name": "city"}
    assert "two features are named 'city'" in refusal(
        make_document(features={"user": [feature], "item": [feature]})
    )


def test_an_unknown_kind_of_feature_lists_the_known_ones():
    assert "'categorical'" in refusal(make_document(features={"user": [{"kind": "category", "name": "c"}]}))


LABEL = {"kind": "hashed", "name": "outcome", "column": "clicked"}
BY_LABEL = {"kind": "activity", "name": "past", "of": ["city", "clicked"]}
RATE_OF_LABEL = {"kind": "rate", "name": "rate", "clicks": "clicked", "impressions": "shown"}
LIKED = {"kind": "categorical", "name": "liked"}


@pytest.mark.parametrize(
    ("features", "place"),
    [
        pytest.param({"context": [LABEL]}, "context.outcome", id="in a column"),
        pytest.param({"item": [RATE_OF_LABEL]}, "item.rate", id="as a count"),
        pytest.param({"history": [BY_LABEL], "keys": {"clicked": "item"}}, "history.past", id="as a key"),
        pytest.param({"item": [LIKED]}, "item.liked", id="of a further target"),
    ],
)
def test_a_label_is_no_feature(features, place):
    document = make_document(features={**make_document()["features"], **features})
    text = refusal(document | {"targets": [{"name": "like", "label": "liked"}]})
    label = "liked" if features == {"item": [LIKED]} else "clicked"
    assert (
        f"features.{place}: expected a column that is known before the click, got the label {label!r}" in text
    )


def test_past_clicks_are_a_feature():
    past = {"kind": "activity", "name": "clicked", "of": ["city"]}
    task = parse_config(
        make_document(features={**make_document()["features"], "history": [past]}), source="test"
    )
    assert "clicked_clicks" in {raw.column for raw in task.features.raw_inputs()}


@pytest.mark.parametrize("document", [None, [], "name: shop"], ids=["nothing", "list", "text"])
def test_a_document_that_is_no_mapping_is_refused(document):
    assert "expected a mapping with name, data and features" in refusal(document)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a task file at .*axon\.yaml, found nothing"):
        load_config(tmp_path / "axon.yaml")


@pytest.mark.parametrize(
    "content", [b"a: [", b"\xff\xfe\x00", b"a: b: c"], ids=["bracket", "bytes", "colons"]
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path, content):
    path = tmp_path / "axon.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="expected a YAML file"):
        load_config(path)


def test_a_directory_is_no_task_file(tmp_path):
    with pytest.raises(ConfigError, match="expected a YAML file"):
        load_config(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "axon.yaml"
    path.touch()
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(path)


def test_a_tag_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "axon.yaml"
    path.write_text("name: !!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match="expected a YAML file"):
        load_config(path)


def test_a_task_cannot_be_changed():
    config = parse_config(make_document(), source="axon.yaml")
    with pytest.raises(ValidationError, match="frozen"):
        config.training.epochs = 7  # type: ignore[misc]  # that is the test


# Sizes of the network


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ({"hidden": [0]}, "model.hidden.0"),
        ({"hidden": [64, -3]}, "model.hidden.1"),
        ({"hidden": [10**12]}, "model.hidden.0"),
        ({"attention_units": [0]}, "model.attention_units.0"),
        ({"conv_channels": [0]}, "model.conv_channels.0"),
        ({"conv_channels": []}, "model.conv_channels"),
        ({"conv_height": 10**12}, "model.conv_height"),
        ({"cross_rank": 10**12}, "model.cross_rank"),
        ({"gate_units": 10**12}, "model.gate_units"),
        ({"heads": 10**12}, "model.heads"),
    ],
)
def test_a_size_that_no_network_has_is_refused(model, place):
    assert f"{place}: " in refusal(make_document(model=model))


def test_a_network_may_have_no_hidden_layer():
    document = make_document(model={"hidden": [], "attention_units": []})
    assert parse_config(document, source="test").model.hidden == ()


# Outcomes that nobody knows yet


def joining(delay, window):
    """A task that counts the past and learns from clicks within a window."""
    return make_document(
        features={
            "item": [{"kind": "categorical", "name": "item"}],
            "history": [{"kind": "activity", "name": "past", "of": ["item"]}],
        },
        history={"delay": delay},
        retrain={"join": {"decisions": "file:decisions", "window": window}},
    )


def test_an_outcome_does_not_count_before_the_window_of_its_click_has_closed():
    text = refusal(joining("29m", "30m"))
    assert "history.delay: expected at least retrain.join.window (30m)" in text


def test_an_outcome_does_not_count_while_its_click_may_still_come():
    document = joining("29m", "10m")
    document["retrain"] |= {"attribution": "30m"}
    assert "history.delay: expected at least retrain.attribution (30m)" in refusal(document)


def test_an_outcome_may_count_once_the_window_has_closed():
    assert parse_config(joining("30m", "30m"), source="test").history.delay == "30m"


# One column, one way to read it


HOUR = {"kind": "time_part", "name": "hour", "part": "hour", "time_zone": "UTC"}


def timed(time: dict, column: dict | None) -> dict:
    """A task in which a feature reads the time of the impression, too."""
    features = {"context": [HOUR | {"column": "ts"}]}
    said = {} if column is None else {"time_columns": {"ts": column}}
    return make_document(data=make_data(time={"column": "ts", **time}), features=features | said)


PATTERN = {"format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("time", "column", "advice"),
    [
        pytest.param(
            {"format": "epoch_s"},
            None,
            "data.time: {column: ts, format: epoch_s} and features.time_columns: {ts: {format: epoch_s}}",
            id="seconds for the impression alone",
        ),
        pytest.param(
            {},
            {"format": "epoch_us"},
            "data.time: {column: ts, format: epoch_us} and features.time_columns: {ts: {format: epoch_us}}",
            id="microseconds for the feature alone",
        ),
        pytest.param(
            {"format": "epoch_s"}, {"format": "epoch_ms"}, "{ts: {format: epoch_s}}", id="two units"
        ),
        pytest.param(PATTERN, {}, "time_zone: Europe/Berlin}}", id="a pattern for the impression alone"),
        pytest.param({"time_zone": "Asia/Tokyo"}, {"format": "iso"}, "time_zone: Asia/Tokyo", id="two zones"),
    ],
)
def test_a_column_that_is_read_in_two_ways_is_refused_with_what_to_write(time, column, advice):
    text = refusal(timed(time, column))
    assert "data.time reads the column 'ts' as" in text
    assert advice in text


@pytest.mark.parametrize(
    ("time", "column"),
    [
        ({}, None),
        ({"format": "epoch_s"}, {"format": "epoch_s"}),
        (PATTERN, PATTERN),
        ({"format": "iso"}, None),
        ({}, {"format": "epoch_ms"}),
        ({"format": "epoch_ms", "time_zone": "Asia/Tokyo"}, None),
    ],
)
def test_a_column_whose_two_ways_are_one_is_read(time, column):
    assert parse_config(timed(time, column), source="axon.yaml").data.time is not None


def test_other_columns_are_read_as_they_say():
    features = {"context": [HOUR | {"column": "listed"}]}
    document = make_document(data=make_data(time={"column": "ts", "format": "epoch_s"}), features=features)
    assert parse_config(document, source="axon.yaml").features.time_columns == {}


def test_a_rule_about_several_keys_is_told_in_its_own_words_alone():
    document = make_document(model={"ensemble": 1}, training={"distill": True})
    assert refusal(document).splitlines()[1:] == [
        "  training.distill: expected model.ensemble above 1, whose answers a network can learn, got 1"
    ]
    assert refusal(make_document(split={"validation_from": 0.8, "test_from": 0.5})).splitlines()[1:] == [
        "  split: expected validation_from before test_from, got 0.8 and 0.5"
    ]
