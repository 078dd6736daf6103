"""Directories of runs: whoever is killed leaves work files, and whoever comes next removes them."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.run import RunDirectory

REPOSITORY = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, tzinfo=UTC)

_AT_WORK = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from training.run import RunDirectory

run = RunDirectory.create(Path(sys.argv[1]), sys.argv[2], now=datetime(2026, 2, 1, tzinfo=UTC))
(run.work / "chunk").write_bytes(b"much")
print(run.path, flush=True)
time.sleep(60)
"""


@pytest.fixture
def at_work(tmp_path):
    """Starts a process with a run of a name; the process and the run's directory."""
    started = []

    def start(name):
        command = [sys.executable, "-c", _AT_WORK, str(tmp_path), name]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_work_files_of_a_killed_run_go_with_the_next_one(tmp_path, at_work):
    process, killed = at_work("shop")
    process.kill()
    process.wait()
    (killed / "log.jsonl").write_text("what happened\n")
    RunDirectory.create(tmp_path, "shop", now=NOW)
    assert [path.name for path in killed.iterdir()] == ["log.jsonl"]


def test_those_of_a_run_that_lives_and_of_other_names_stay(tmp_path, at_work):
    _, living = at_work("shop")
    process, other = at_work("shop-2")
    process.kill()
    process.wait()
    RunDirectory.create(tmp_path, "shop", now=NOW)
    assert (living / "work/chunk").exists()
    assert (other / "work/chunk").exists()


def test_two_runs_of_one_second_have_directories_of_their_own(tmp_path):
    one, other = (RunDirectory.create(tmp_path, "shop", now=NOW) for _ in range(2))
    assert one.path != other.path
    assert one.work.is_dir()


def test_only_a_run_that_leaves_something_leaves_a_directory(tmp_path):
    refused, done = (RunDirectory.create(tmp_path, "shop", now=NOW) for _ in range(2))
    done.write("report.json", "{}")
    for run in (refused, done):
        run.drop_work()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [done.path]
