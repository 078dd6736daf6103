"""Training again and again: a command for one run comes in; it is called on time until somebody asks to stop.

`axon retrain --every` calls `keep_retraining`. Each run is a process of its own: its memory goes when it ends, and a run
that the system kills does not take the loop with it. What must survive the loop is in `RetrainState`.
"""

import random
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from training.retraining.retrain_state import RetrainState, alone, state_path

GRACE_S = 30.0
"""How long a run may take to end once it is asked to."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rhythm:
    """When runs begin: ``every_s`` seconds after each other; after a failure ``backoff_s``, doubled with each further one."""

    every_s: float
    backoff_s: float

    def after(self, state: RetrainState, started: datetime, ended: datetime, *, failed: bool) -> RetrainState:
        """The state when a run is over.

        Args:
            state: As the run left it.
            started: When the run began.
            ended: When it ended.
            failed: Whether it came to no verdict.
        """
        if not failed:
            due = max(ended, started + timedelta(seconds=self.every_s))
            return state.model_copy(update={"failures": 0, "next_at": due})
        failures = state.failures + 1
        # Jitter, so that several loops that failed together do not come back together.
        wait = self.backoff_s * 2 ** min(failures - 1, 30) * random.uniform(0.5, 1.5)  # noqa: S311
        due = ended + timedelta(seconds=min(self.every_s, wait))
        return state.model_copy(update={"failures": failures, "next_at": due})

    def wait_s(self, state: RetrainState, now: datetime) -> float:
        """Seconds until the next run; a clock that jumped back makes nobody wait longer than one interval."""
        if state.next_at is None:
            return 0.0
        return min(self.every_s, max(0.0, (state.next_at - now).total_seconds()))


class _Runs:
    """Starts one process after another, and passes on the wish to stop."""

    def __init__(self, command: Sequence[str]) -> None:
        self.stopping = threading.Event()
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def once(self) -> int:
        """Run the command to its end; its exit status."""
        self._process = subprocess.Popen(self._command)  # noqa: S603  # our own command line
        if self.stopping.is_set():  # asked between the check of the loop and the start
            self._process.terminate()
        while True:
            try:
                return self._process.wait(GRACE_S if self.stopping.is_set() else 1.0)
            except subprocess.TimeoutExpired:
                if self.stopping.is_set():
                    self._process.kill()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """What a signal does: no further run, and the one at work ends."""
        already = self.stopping.is_set()
        self.stopping.set()
        if self._process is not None and not already:
            self._process.terminate()


def keep_retraining(command: Sequence[str], rhythm: Rhythm, runs: Path, name: str, say: Say) -> None:
    """Run the command on time until SIGTERM or SIGINT.

    Args:
        command: Of one run: program and arguments.
        rhythm: When.
        runs: Directory of run directories, and of the state.
        name: Of the task.
        say: Told about every run.

    Raises:
        BusyError: If another loop of the same task is at work.
    """
    path, children = state_path(runs, name), _Runs(command)
    with alone(runs, name, "loop"):
        before = {number: signal.signal(number, children.stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not children.stopping.wait(rhythm.wait_s(RetrainState.read(path), datetime.now(UTC))):
                started = datetime.now(UTC)
                status = children.once()
                if children.stopping.is_set():
                    break
                state = RetrainState.read(path)
                failed = status != 0 and not _has_verdict(state, started)
                state = rhythm.after(state, started, datetime.now(UTC), failed=failed)
                state.write(path)
                say(_told(state, started, status, failed=failed))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    say(f"{name}: stopped")


def _has_verdict(state: RetrainState, started: datetime) -> bool:
    """Whether a run since then was refused by the gate: it worked, and trying again at once would change nothing."""
    return state.last is not None and state.last.started_at >= started and state.last.outcome == "refused"


def _told(state: RetrainState, started: datetime, status: int, *, failed: bool) -> str:
    if state.last is not None and state.last.started_at >= started:
        last = f"{state.last.run}: {state.last.outcome}"
    else:
        last = f"the run ended with status {status} and left no word of how"
    following = f"the next run is at {state.next_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{last}; {following}" + (f" after {state.failures} failure(s) in a row" if failed else "")
