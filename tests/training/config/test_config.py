"""The task file: what is accepted, what is refused, and what the refusal says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tests.training.task_documents import make_data, make_document, refusal
from training.config import SplitConfig, TaskConfig, data_root, load_config, parse_config
from training.errors import ConfigError

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = sorted(REPOSITORY.glob("examples/*/axon.yaml"))


# Calibration


def calibrated(calibration):
    return parse_config(make_document(training={"calibration": calibration}), source="axon.yaml").training


def test_the_kind_alone_stands_for_the_whole_calibration():
    assert calibrated("platt") == calibrated({"kind": "platt", "segment": None})


def test_a_calibration_may_name_a_segment():
    assert calibrated({"segment": "city"}).calibration.segment == "city"


@pytest.mark.parametrize("segment", ["town", "tags", "price"])
def test_a_segment_is_a_feature_with_one_id(segment):
    features = {
        "item": [
            {"kind": "categorical", "name": "brand"},
            {"kind": "multi", "name": "tags"},
            {"kind": "numeric", "name": "price"},
        ],
    }
    document = make_document(features=features, training={"calibration": {"segment": segment}})
    told = refusal(document)
    assert f"training.calibration.segment names {segment!r}" in told
    assert "expected one of ['brand']" in told


def test_no_calibration_has_no_segments():
    document = make_document(training={"calibration": {"kind": "none", "segment": "city"}})
    assert "expected a kind beside segment: 'city'" in refusal(document)


@pytest.mark.parametrize("kind", ["none", "isotonic"])
def test_some_kinds_have_nothing_that_a_prior_could_hold(kind):
    document = make_document(training={"calibration": {"kind": kind, "prior": 0.02}})
    assert f"expected a kind with slope and shift beside prior: 0.02, got {kind}" in refusal(document)


@pytest.mark.parametrize("calibration", ["plat", 3, {"kind": "sigmoid"}])
def test_an_unknown_calibration_is_refused(calibration):
    assert "training.calibration" in refusal(make_document(training={"calibration": calibration}))


# The split


@pytest.mark.parametrize(
    ("split", "words"),
    [
        pytest.param({"validation_from": 1.0}, "a share between 0 and 1", id="all"),
        pytest.param({"validation_from": 0.0}, "a share between 0 and 1", id="nothing"),
        pytest.param({"validation_from": 0.9, "test_from": 0.8}, "before test_from", id="reversed"),
        pytest.param({"validation_from": 0.8, "test_from": 0.8}, "before test_from", id="equal"),
        pytest.param(
            {"validation_from": "2022-05-05T00:00:00"}, "a moment with its time zone", id="a moment, no zone"
        ),
        pytest.param(
            {"validation_from": "2022-05-05T00:00:00Z", "test_from": 0.9},
            "two moments or two shares",
            id="one of each",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused(split, words):
    with pytest.raises(ValidationError, match=words):
        SplitConfig.model_validate(split)


def test_a_moment_keeps_its_zone():
    split = SplitConfig.model_validate({"validation_from": "2022-05-05T00:00:00+08:00", "test_from": None})
    assert split.validation_from == datetime(2022, 5, 4, 16, tzinfo=UTC)


def test_a_moment_in_yaml_keeps_its_zone(tmp_path):
    path = tmp_path / "axon.yaml"
    path.write_text(
        "name: shop\n"
        "data: {log: log.csv, label: clicked, time: {column: time_ms}}\n"
        "features: {user: [{kind: hashed, name: city}]}\n"
        "split:\n  validation_from: 2022-05-05T00:00:00+08:00\n  test_from: null\n"
    )
    assert load_config(path).split.validation_from == datetime(2022, 5, 4, 16, tzinfo=UTC)


# Seeds, baselines and places


def test_another_seed_changes_nothing_else():
    config = parse_config(make_document(), source="axon.yaml")
    changed = config.with_seed(7)
    assert changed.training.seed == 7
    assert changed.with_seed(config.training.seed) == config


def test_no_seed_keeps_the_task():
    config = parse_config(make_document(), source="axon.yaml")
    assert config.with_seed(None) is config


def test_the_baseline_is_fitted_on_the_same_seed_and_impressions():
    training = {"seed": 5, "keep_rate": 0.5, "batch_size": 64, "l2": 0.1, "loss": "squared_error"}
    config = parse_config(make_document(training=training), source="axon.yaml")
    baseline = config.for_baseline()
    assert (baseline.seed, baseline.keep_rate, baseline.batch_size) == (5, 0.5, 64)
    assert (baseline.l2, baseline.loss) == (0.0, "binary_crossentropy")


def test_the_baseline_is_one_plain_network_without_an_average():
    training = {"ema": 0.99, "l2_rare": 1.0, "label_smoothing": 0.1, "ranking_weight": 0.5, "distill": True}
    config = parse_config(make_document(training=training, model={"ensemble": 2}), source="axon.yaml")
    baseline = config.for_baseline()
    assert (
        baseline.ema,
        baseline.l2_rare,
        baseline.label_smoothing,
        baseline.ranking_weight,
        baseline.distill,
    ) == (
        None,
        0.0,
        0.0,
        0.0,
        False,
    )


def test_a_student_without_a_teacher_is_refused():
    with pytest.raises(ConfigError, match=r"training\.distill: expected model\.ensemble above 1"):
        parse_config(make_document(training={"distill": True}), source="axon.yaml")


def test_the_data_root_is_seen_from_the_task_file(tmp_path):
    config = parse_config(make_document(data=make_data(root="../data")), source="axon.yaml")
    assert data_root(config, tmp_path / "tasks" / "axon.yaml", None) == tmp_path / "data"


def test_a_given_data_root_wins(tmp_path):
    config = parse_config(make_document(data=make_data(root="../data")), source="axon.yaml")
    assert data_root(config, tmp_path / "axon.yaml", Path("elsewhere")) == Path("elsewhere")


@pytest.mark.parametrize(
    ("data", "column"),
    [
        pytest.param({"user_key": "uid", "users": {"path": "u.csv", "key": "user_id"}}, "uid", id="named"),
        pytest.param({"users": {"path": "u.csv", "key": "user_id"}}, "user_id", id="of the table"),
        pytest.param({}, None, id="none"),
    ],
)
def test_the_column_that_tells_users_apart(data, column):
    config = parse_config(make_document(data=make_data(**data)), source="axon.yaml")
    assert config.data.user_column == column


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_loads(path):
    assert isinstance(load_config(path), TaskConfig)


def test_there_are_examples_for_a_simulated_and_a_real_log():
    assert {"shop", "kuairand"} <= {path.parent.name for path in EXAMPLES}


def test_moments_cannot_cut_a_log_without_a_clock():
    document = make_document(
        data=make_data(time=None),
        split={"validation_from": "2026-01-01T00:00:00Z", "test_from": None},
    )
    assert "split names moments, but data.time is null" in refusal(document)


def test_the_missing_time_column_must_be_said():
    data = {key: value for key, value in make_data().items() if key != "time"}
    assert "data.time: Field required" in refusal(make_document(data=data))


@pytest.mark.parametrize(
    ("positive", "read"), [("yes", ("yes",)), (["yes", 2], ("yes", "2")), (2, ("2",)), ([], ())]
)
def test_values_that_mean_a_click_are_texts(positive, read):
    config = parse_config(make_document(data=make_data(positive=positive)), source="axon.yaml")
    assert config.data.positive == read


def test_a_yes_without_quotes_is_no_text():
    assert "expected text in quotes" in refusal(make_document(data=make_data(positive=True)))


def test_a_file_that_extends_another_says_only_what_differs(tmp_path: Path):
    (tmp_path / "base.yaml").write_text(
        yaml.safe_dump(make_document() | {"model": {"hidden": [8], "dropout": 0.5}})
    )
    (tmp_path / "axon.yaml").write_text("extends: base.yaml\nmodel: {dropout: 0.25}\n")
    task = load_config(tmp_path / "axon.yaml")
    assert (task.model.hidden, task.model.dropout) == ((8,), 0.25)


@pytest.mark.parametrize("name", ["axon.yaml", "../other.yaml", "3"])
def test_a_file_extends_another_one_of_its_folder_only(tmp_path: Path, name: str):
    (tmp_path / "axon.yaml").write_text(f"extends: {name}\n")
    with pytest.raises(ConfigError, match="extends"):
        load_config(tmp_path / "axon.yaml")
