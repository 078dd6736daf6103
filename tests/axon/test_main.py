"""What holds for every command."""

import os
import re
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
COMMAND = "import contextlib, axon.main\nwith contextlib.suppress(SystemExit):\n    axon.main.main()\nimport onnxruntime"


def axon(*arguments):
    command = [sys.executable, "-m", "axon", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_the_version_and_nothing_else_is_printed():
    done = axon("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{version('axon-ctr')}\n", "")


def test_onnx_runtime_tells_its_makers_nothing(tmp_path: Path):
    # Where it does, it keeps what it has not sent yet, and a name for this machine, below these two.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", COMMAND],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert list(tmp_path.rglob("*")) == []


def test_the_moment_that_a_refusal_shows_is_one():
    done = axon("retrain", "examples/shop/axon.yaml", "--until", "2026-03-01")
    assert done.returncode == 2
    shown = re.search(r"such as\W+(\S+),", done.stderr)
    assert shown is not None
    assert datetime.fromisoformat(shown[1]).tzinfo is not None
