"""Bad input gets a clear error through the real command, and loses nothing."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry.local import LocalRegistry
from registry.manifest import verify
from registry.reference import ModelRef
from tests.e2e.conftest import AXON, Shop, axon

HEADER = "time_ms,user_id,item_id,position,clicked\n"
ROW = "17724060{:05d},u000001,i00001,1,{}\n"


def _log(labels: list[object]) -> str:
    return HEADER + "".join(ROW.format(31512 + place, label) for place, label in enumerate(labels))


@pytest.mark.parametrize(
    ("log", "told"),
    [
        pytest.param(None, "log.csv", id="no file"),
        pytest.param("", "empty", id="an empty file"),
        pytest.param("time_ms,user_id,item_id,position\n", "clicked", id="a missing column"),
        pytest.param(_log(["yes", "no"] * 20), "0", id="labels that are not 0 or 1"),
        pytest.param(_log([0] * 40), "click", id="one class only"),
        pytest.param(HEADER + "yesterday,u000001,i00001,1,1\n" * 40, "time", id="times that do not parse"),
    ],
)
@pytest.mark.parametrize("command", ["check", "train"])
def test_a_log_that_cannot_be_used(shop: Shop, tmp_path: Path, command, log, told):
    shutil.copytree(shop.data, tmp_path / "data")
    target = tmp_path / "data" / "log.csv"
    target.unlink()
    if log is not None:
        target.write_text(log)
    config = shop.write(tmp_path / "axon.yaml", shop.document())
    done = axon(command, config, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert told in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists()


def test_an_unknown_key_is_refused_with_the_nearest_known_one(shop: Shop, tmp_path):
    config = shop.write(tmp_path / "axon.yaml", shop.document(training={"epoch": 3}))
    done = axon("train", config, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "did you mean 'epochs'" in done.stderr


def test_too_many_unreadable_rows_refuse_the_run(shop: Shop, tmp_path):
    shutil.copytree(shop.data, tmp_path / "data")
    log = tmp_path / "data" / "log.csv"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text(
        "".join([lines[0], *(line if place % 10 else "too,short\n" for place, line in enumerate(lines[1:]))])
    )
    config = shop.write(tmp_path / "axon.yaml", shop.document())
    done = axon("train", config, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "max_bad_rows" in done.stderr
    (quarantined,) = tmp_path.glob("runs/*/quarantine.jsonl")
    assert json.loads(quarantined.read_text().splitlines()[0])["reason"]


def test_a_disc_that_fills_up_while_publishing_leaves_the_old_version_whole(shop: Shop, tmp_path):
    registry = tmp_path / "models"
    shutil.copytree(shop.registry, registry)
    bundle = registry / "shop" / "1"

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [*AXON, "publish", str(bundle), "--registry", str(registry)],
        cwd=Path(__file__).parents[2],
        preexec_fn=no_room,  # nothing runs between fork and exec but the limit
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    shelf = LocalRegistry(registry)
    assert [version.number for version in shelf.versions("shop")] == [1]
    verify(shelf.resolve(ModelRef.parse("shop")).directory)


def test_a_version_whose_checksum_is_wrong_is_refused_by_name(shop: Shop, tmp_path):
    registry = tmp_path / "models"
    shutil.copytree(shop.registry, registry)
    damaged = next((registry / "shop" / "1" / "variables").glob("variables.data*"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(bytes(content))
    done = axon(
        "score", shop.config, shop.data / "log.csv", tmp_path / "out.csv", "--registry", registry,
        cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert damaged.name in done.stderr
    assert "shop" in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_help_is_instant_because_nothing_heavy_is_imported():
    program = (
        "import sys; from typer.testing import CliRunner; from axon.main import app, register; register(); "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        "print([name for name in ('tensorflow', 'keras', 'polars', 'scipy', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_settings_of_the_service_that_make_no_sense_are_refused_in_a_line_each(tmp_path, monkeypatch):
    monkeypatch.setenv("AXON_SPLIT", "challenger:140")
    done = axon("serve", "--runtime", "foo", cwd=tmp_path, check=False)
    assert done.returncode == 1
    split, runtime = done.stderr.splitlines()
    assert split.startswith("axon: AXON_SPLIT: expected from 0 to 100 %")
    assert runtime.strip().startswith("--runtime: ")
