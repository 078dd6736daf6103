"""``axon tune`` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from axon.commands import tune
from axon.main import app, register
from tests.training.tune.worlds import write_extending, write_world
from training.config import load_config
from training.errors import ConfigError
from training.tune import SAMPLERS


def axon_tune(*options: object) -> Result:
    """Run the command in this process; what it refuses is raised."""
    single = typer.Typer()
    single.command()(tune.tune)
    return CliRunner().invoke(single, [str(option) for option in options], catch_exceptions=False)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    config = write_world(tmp_path_factory.mktemp("world"))
    output = config.with_name("tuned.yaml")
    options = ["--trials", 2, "--families", "logistic", "--confirm", 0, "--runs", config.parent / "runs"]
    return config, output, axon_tune(config, *options, "-o", output, "--json")


def test_the_answer_is_one_document(answered):
    _, output, done = answered
    answer = json.loads(done.stdout)
    assert answer["output"] == str(output)
    assert answer["winner"] == answer["result"]["trials"][0]["number"]
    assert len(answer["result"]["trials"]) == 2


def test_the_output_is_a_task_file(answered):
    _, output, _ = answered
    assert load_config(output).name == "tiny"


def test_an_output_that_is_there_is_refused_before_anything_is_read(answered, tmp_path):
    _, output, _ = answered
    with pytest.raises(ConfigError, match="--force"):
        axon_tune(tmp_path / "nowhere.yaml", "-o", output)


def test_a_task_file_may_extend_another(answered, tmp_path):
    config, _, _ = answered
    extending = write_extending(config, name="extending", training={"batch_size": 512})
    output = tmp_path / "tuned.yaml"
    axon_tune(extending, "--trials", 1, "--confirm", 0, "--runs", tmp_path / "runs", "-o", output)
    assert load_config(output).name == "extending"
    assert load_config(output).training.batch_size == 512


def test_people_get_a_table_and_the_next_command(answered):
    config, output, _ = answered
    again = ["--trials", 2, "--families", "logistic", "--confirm", 0, "--runs", config.parent / "runs"]
    shown = axon_tune(config, *again, "-o", output, "--force").stdout
    assert "0 (as it stands)" in shown
    assert f"next: axon train {output}" in shown


def test_a_budget_that_is_no_duration_is_wrong_usage(answered):
    config, _, _ = answered
    done = axon_tune(config, "--budget", "soon", "-o", config.with_name("other.yaml"))
    assert done.exit_code == 2
    assert "--budget" in done.output


def test_every_sampler_can_be_named():
    assert [sampler.value for sampler in tune.Sampler] == list(SAMPLERS)


def test_the_command_is_one_of_axon_s():
    register()
    assert tune.tune in [command.callback for command in app.registered_commands]


def test_without_optuna_the_command_says_what_to_install(tmp_path):
    config = write_world(tmp_path)
    code = "import sys; sys.modules['optuna'] = None; from axon.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "tune", str(config)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "pip install 'axon-ctr[tune]'" in done.stderr
    assert "Traceback" not in done.stderr
