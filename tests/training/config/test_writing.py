"""A task that is written is the same task when it is read again."""

from pathlib import Path

import pytest
import yaml

from training.config import as_yaml, load_config, parse_config, refuse_to_overwrite
from training.errors import ConfigError

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.yaml"))
TASKS = [path for path in EXAMPLES if "features" in path.read_text()]


@pytest.mark.parametrize("path", TASKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_task_that_is_written_is_read_as_the_same(path: Path):
    config = load_config(path)
    assert parse_config(yaml.safe_load(as_yaml(config)), source="written") == config


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "tuned.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        refuse_to_overwrite(tmp_path / "tuned.yaml", force=False)


def test_force_allows_to_overwrite(tmp_path):
    (tmp_path / "tuned.yaml").write_text("mine")
    refuse_to_overwrite(tmp_path / "tuned.yaml", force=True)
    assert (tmp_path / "tuned.yaml").read_text() == "mine"
