"""The winner's task file: it loads, finds its data from where it stands and says where it came from."""

import pytest
import yaml

from tests.training.tune.worlds import NOW, write_extending, write_world
from training.config import data_root, load_config
from training.errors import ConfigError
from training.tune.result import TunedTrial, TuneResult, differences
from training.tune.winner import refuse_unwritable, with_changes, write_winner


def make_trial(number=0, log_loss=0.5, confirmed=None, **changes) -> TunedTrial:
    return TunedTrial(
        number=number,
        rank=1,
        family="mlp",
        log_loss=log_loss,
        confirmed=confirmed,
        stopped_at=log_loss,
        seconds=1.0,
        changes=changes,
        refused=None,
    )


def make_result(*trials: TunedTrial) -> TuneResult:
    return TuneResult(
        name="tiny",
        created_at=NOW,
        code_version="1",
        sampler="tpe",
        seed=5,
        families=("mlp",),
        rows={"train": 540, "stop": 180, "judge": 240},
        complete=True,
        first=0,
        trials=trials,
    )


BETTER = make_trial(
    3,
    0.4,
    0.42,
    **{
        "model.hidden": [64, 32],
        "training.ema": 0.9,
        "training.optimizer.learning_rate": 0.005,
        "training.embedding_optimizer.name": "adam",
        "training.embedding_optimizer.learning_rate": 0.01,
    },
)
RESULT = make_result(BETTER, make_trial(0, 0.5, 0.52))


@pytest.fixture
def written(tmp_path):
    """The winner's file, in another directory than the task file."""
    config = write_world(tmp_path / "task")
    output = tmp_path / "elsewhere" / "tuned.yaml"
    write_winner(RESULT, config, config.parent, output)
    return config, output


def test_it_says_what_the_winner_changes_and_keeps_the_rest(written):
    config, output = written
    before, after = load_config(config), load_config(output)
    assert differences(before, after) == BETTER.changes | {"training.embedding_optimizer.weight_decay": 0.0}
    assert after.model_copy(update={"model": before.model, "training": before.training}) == before.model_copy(
        update={"data": after.data}
    )


def test_one_rate_alone_is_changed_where_the_task_file_names_no_optimizer(tmp_path):
    config = write_world(tmp_path / "task")
    document = yaml.safe_load(config.read_text())
    del document["training"]["optimizer"]
    config.write_text(yaml.safe_dump(document))
    trial = make_trial(3, 0.4, 0.42, **{"training.optimizer.learning_rate": 0.005})
    write_winner(make_result(trial, make_trial(0, 0.5, 0.52)), config, config.parent, tmp_path / "tuned.yaml")
    assert differences(load_config(config), load_config(tmp_path / "tuned.yaml")) == trial.changes


def test_its_data_are_found_from_its_new_place(written):
    config, output = written
    task = load_config(output)
    assert not task.data.root.startswith("/")
    assert (data_root(task, output, None) / task.data.log).samefile(config.parent / "log.csv")


def test_an_absolute_place_of_data_stays_absolute(tmp_path):
    config = write_world(tmp_path)
    document = yaml.safe_load(config.read_text())
    document["data"]["root"] = str(tmp_path)
    config.write_text(yaml.safe_dump(document))
    write_winner(RESULT, config, tmp_path, tmp_path / "deep" / "tuned.yaml")
    assert load_config(tmp_path / "deep" / "tuned.yaml").data.root == str(tmp_path)


def test_it_holds_what_the_task_file_extends(tmp_path):
    source = write_extending(write_world(tmp_path / "task"), name="extending", training={"epochs": 3})
    output = tmp_path / "elsewhere" / "tuned.yaml"
    write_winner(RESULT, source, source.parent, output)
    before, after = load_config(source), load_config(output)
    assert "extends" not in yaml.safe_load(output.read_text())
    assert after.name == "extending"
    assert after.training.epochs == 3
    assert after.features == before.features
    assert after.model.hidden == (64, 32)
    assert (data_root(after, output, None) / after.data.log).samefile(source.with_name("log.csv"))


def test_its_first_lines_say_where_it_came_from_with_the_figures(written):
    _, output = written
    comment = [line for line in output.read_text().splitlines() if line.startswith("#")]
    assert "from axon.yaml on 2026-01-02: trial 3 of 2 (2 not pruned), sampler tpe, seed 5" in comment[0]
    assert "240 impressions" in comment[1]
    assert "0.41000 (mean of 0.40000 and, with another seed, 0.42000)" in comment[1]
    assert "0.51000" in comment[2]


def test_it_says_so_where_nothing_better_was_found(tmp_path):
    config = write_world(tmp_path)
    write_winner(make_result(make_trial()), config, tmp_path, tmp_path / "tuned.yaml")
    assert "Nothing better was found" in (tmp_path / "tuned.yaml").read_text()
    assert load_config(tmp_path / "tuned.yaml") == load_config(config)


def test_a_change_below_a_part_that_is_missing_or_null_makes_the_part():
    document = {"training": {"embedding_optimizer": None}}
    changes = {"training.embedding_optimizer.learning_rate": 0.1, "model.family": "deepfm"}
    assert with_changes(document, changes) == {
        "training": {"embedding_optimizer": {"learning_rate": 0.1}},
        "model": {"family": "deepfm"},
    }
    assert document == {"training": {"embedding_optimizer": None}}


def test_a_task_file_that_extends_another_can_be_written_again(tmp_path):
    source = write_extending(write_world(tmp_path), name="extending")
    refuse_unwritable(source, tmp_path, tmp_path / "tuned.yaml")
    assert not (tmp_path / "tuned.yaml").exists()


def test_what_would_be_no_task_file_is_refused(tmp_path):
    source = write_extending(write_world(tmp_path), model={"unknown_key": [8]})
    with pytest.raises(ConfigError, match=r"what axon tune wants to write.*\n.*unknown_key"):
        refuse_unwritable(source, tmp_path, tmp_path / "tuned.yaml")
