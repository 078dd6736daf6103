"""The commands about versions and aliases, on a real directory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from axon.commands.models import demote, models, promote, prune, publish, rollback
from registry.errors import NothingPublishedError, UnknownVersionError
from registry.local import LocalRegistry
from registry.manifest import MANIFEST, REPORT
from training.errors import GateClosedError

REPOSITORY = Path(__file__).parents[2]
METRICS = b'{"slice": "test", "metrics": {"auc": 0.75, "log_loss": 0.5}}'


@pytest.fixture
def shelf(tmp_path, make_bundle):
    """Three versions; the last is the champion."""
    registry = LocalRegistry(tmp_path / "models")
    bundle = make_bundle(files={REPORT: METRICS})
    for _ in range(3):
        registry.publish(bundle, "shop")
    return registry


@pytest.fixture
def axon(shelf):
    """Runs a command on the registry; what it printed for people, or the document after ``--json``."""
    app = typer.Typer()
    for command in (models, publish, promote, demote, rollback, prune):
        app.command()(command)

    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments), "--registry", str(shelf.root)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return run


def test_the_table_shows_metrics_and_aliases(axon):
    table = axon("models")
    assert "0.5000" in table
    assert "0.7500" in table
    assert "champion" in table


def test_a_champion_that_is_gone_is_found(axon, shelf):
    axon("models", "--verify")
    (shelf.root / "shop/3" / MANIFEST).unlink()
    with pytest.raises(UnknownVersionError, match=r"got shop@champion: .* has versions 1, 2 and"):
        axon("models", "--verify")


def test_the_versions_as_json(axon):
    rows = axon("models", "--json")["versions"]
    assert [(row["model"], row["version"], row["aliases"]) for row in rows][-1] == ("shop", 3, ["champion"])


def test_a_run_is_published_by_its_directory(axon, shelf, make_bundle):
    run = make_bundle(files={REPORT: METRICS}).parent
    assert axon("publish", run).startswith("published shop:4, champion is this version now")
    assert shelf.aliases("shop") == {"champion": 4}


def test_a_bundle_that_no_gate_can_judge_is_published_by_force_alone(axon, shelf, make_bundle):
    with pytest.raises(GateClosedError, match="it cannot be held against the champion, version 3: "):
        axon("publish", make_bundle())
    assert shelf.aliases("shop") == {"champion": 3}
    axon("publish", make_bundle(), "--force", "it is a toy")
    assert shelf.state("shop").moves[-1].reason.startswith("forced: it is a toy; against the gate: ")


def test_publishing_may_move_no_alias(axon, shelf, make_bundle):
    assert axon("publish", make_bundle(), "--alias", "none", "--json")["version"] == 4
    assert shelf.aliases("shop") == {"champion": 3}


def test_a_version_is_promoted(axon, shelf):
    assert axon("promote", "shop:1", "--to", "shadow") == "shadow is shop:1 now\n"
    assert shelf.aliases("shop") == {"champion": 3, "shadow": 1}


def test_what_another_alias_names_is_promoted(axon, shelf):
    shelf.set_alias("shop", "challenger", 2)
    assert axon("promote", "shop@challenger", "--to", "champion") == "champion is shop:2 now, was shop:3\n"


def test_an_alias_is_taken_away(axon, shelf):
    shelf.set_alias("shop", "shadow", 2)
    axon("demote", "shop@shadow")
    assert shelf.aliases("shop") == {"champion": 3}


def test_a_rollback_says_what_it_did(axon):
    assert axon("rollback", "shop", "-m", "fewer clicks") == "champion is shop:2 again, was shop:3\n"


def test_the_trail_shows_why(axon):
    axon("rollback", "shop", "-m", "fewer clicks")
    assert axon("models", "shop", "--trail", "--json")["moves"][-1]["reason"] == "fewer clicks"
    assert "fewer clicks" in axon("models", "shop", "--trail")


def test_a_model_that_is_none_has_no_trail(axon):
    with pytest.raises(NothingPublishedError, match=r"no version of 'shpo': .* Did you mean 'shop'"):
        axon("models", "shpo", "--trail")


def test_pruning_says_what_it_would_remove_and_what_it_removed(axon, shelf):
    assert axon("prune", "shop", "--keep", 1, "--dry-run") == "would remove shop:1\n"
    assert axon("prune", "shop", "--keep", 1) == "removed shop:1\n"
    assert axon("prune", "shop", "--keep", 1) == "removed nothing\n"


def test_a_rollback_without_an_earlier_champion_exits_1_with_the_reason(tmp_path, make_bundle):
    LocalRegistry(tmp_path / "one").publish(make_bundle(), "shop")
    command = [sys.executable, "-m", "axon", "rollback", "shop", "--registry", str(tmp_path / "one")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("axon: shop cannot be rolled back: the trail of")


def test_a_bundle_is_published_without_a_word_of_tensorflow(tmp_path, make_bundle):
    command = [
        sys.executable,
        "-m",
        "axon",
        "publish",
        str(make_bundle()),
        "-q",
        "--force",
        "it is a toy",
    ]
    command += ["--registry", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
