"""The loop that retrains on time: real processes are started, killed and asked to stop."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.waiting import wait_until
from training.errors import BusyError
from training.retraining.loop import Rhythm
from training.retraining.retrain_state import RetrainState, RunOutcome, alone

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = Rhythm(every_s=3600, backoff_s=60)

LOOP = """
import sys
from pathlib import Path
from training.retraining.loop import Rhythm, keep_retraining
keep_retraining([sys.executable, "-c", sys.argv[2]], Rhythm(float(sys.argv[3]), 0.1), Path(sys.argv[1]), "shop", print)
"""


def start(runs, child, every=0.2):
    """A loop in a process of its own, whose runs are the given lines of Python."""
    return subprocess.Popen(
        [sys.executable, "-c", LOOP, str(runs), child, str(every)],
        cwd=runs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, lines=1):
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) >= lines)


def test_the_next_run_begins_an_interval_after_the_last_one_began():
    ended = NOON + timedelta(minutes=20)
    assert HOURLY.after(RetrainState(), NOON, ended, failed=False).next_at == NOON + timedelta(hours=1)


def test_a_run_longer_than_the_interval_is_followed_at_once_and_never_overlapped():
    ended = NOON + timedelta(hours=2)
    assert HOURLY.after(RetrainState(), NOON, ended, failed=False).next_at == ended


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [
        pytest.param(0, 30, 90, id="first failure"),
        pytest.param(3, 240, 720, id="fourth failure"),
        pytest.param(20, 3600, 3600, id="never longer than the interval"),
    ],
)
def test_failures_wait_twice_as_long_each_time(failures, shortest, longest):
    state = HOURLY.after(RetrainState(failures=failures), NOON, NOON, failed=True)
    assert state.failures == failures + 1
    assert state.next_at is not None
    assert shortest <= (state.next_at - NOON).total_seconds() <= longest


def test_a_success_forgets_the_failures():
    assert HOURLY.after(RetrainState(failures=5), NOON, NOON, failed=False).failures == 0


def test_a_loop_that_is_started_again_waits_for_what_is_left():
    assert HOURLY.wait_s(RetrainState(next_at=NOON + timedelta(minutes=5)), NOON) == 300


def test_what_is_overdue_runs_at_once():
    assert HOURLY.wait_s(RetrainState(next_at=NOON - timedelta(days=1)), NOON) == 0


def test_a_clock_that_jumped_back_a_year_costs_one_interval():
    assert HOURLY.wait_s(RetrainState(next_at=NOON + timedelta(days=365)), NOON) == 3600


def test_two_runs_at_once_are_refused(tmp_path):
    second = alone(tmp_path, "shop", "run")
    with alone(tmp_path, "shop", "run"), pytest.raises(BusyError, match="another process holds"):
        second.__enter__()


def test_the_loop_runs_again_and_again_and_sigterm_ends_it_cleanly(tmp_path):
    loop = start(tmp_path, "open('ran', 'a').write('once\\n')")
    wait_for(tmp_path / "ran", lines=2)
    loop.send_signal(signal.SIGTERM)
    told, complaint = loop.communicate(timeout=30)
    assert (loop.returncode, told.splitlines()[-1]) == (0, "shop: stopped"), complaint


def test_sigterm_reaches_the_run_that_is_at_work(tmp_path):
    child = (
        "import time, pathlib\n"
        "pathlib.Path('ran').write_text('begun\\n')\n"
        "import signal; signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        "pathlib.Path('ready').write_text('yes\\n')\n"
        "try:\n  time.sleep(60)\n"
        "except KeyboardInterrupt:\n  pathlib.Path('tidied').write_text('yes')\n"
    )
    loop = start(tmp_path, child)
    wait_for(tmp_path / "ready")
    loop.send_signal(signal.SIGTERM)
    loop.communicate(timeout=30)
    assert (loop.returncode, (tmp_path / "tidied").read_text()) == (0, "yes")


def test_a_run_that_was_killed_is_not_told_as_the_one_before(tmp_path):
    before = RunOutcome(outcome="published", run="shop-1", started_at=NOON, ended_at=NOON, until=None)
    RetrainState(last=before).write(tmp_path / "shop.retrain.json")
    loop = start(tmp_path, "import os; open('ran', 'a').write('once\\n'); os.kill(os.getpid(), 9)")
    wait_for(tmp_path / "ran", lines=2)
    loop.send_signal(signal.SIGTERM)
    told, complaint = loop.communicate(timeout=30)
    assert told.startswith("the run ended with status -9 and left no word of how; the next run is at "), (
        complaint
    )


def test_failures_survive_a_kill_of_the_loop(tmp_path):
    state = tmp_path / "shop.retrain.json"
    loop = start(tmp_path, "raise SystemExit(1)", every=60)
    wait_until(lambda: state.exists() and json.loads(state.read_text())["failures"] >= 2)
    loop.kill()
    loop.communicate()
    assert RetrainState.read(state).failures >= 2
    assert RetrainState.read(state).next_at is not None
