"""Processes whose clock can be moved while they run: a folder comes in, their environment goes out."""

import functools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SEEN_AFTER_S = 2.1
"""The library reads its file again when that is more than a second ago, in whole seconds."""

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


class Clock:
    """The clock that processes started with `environment` see; that of the machine, until it jumps."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self._set("+0")

    @property
    def environment(self) -> dict[str, str]:
        """For a child that sees this clock. What it measures durations with goes on evenly, as it does in life."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
            # The library asks for variables with every look at the clock, which crashes in the moment that one is added; of one
            # that is there already only the value changes.
            **_added_by_tensorflow(),
        }

    def jump(self, offset: str) -> None:
        """Set the clock so far from that of the machine, such as ``-1d``; return once running processes see it."""
        self._set(offset)
        time.sleep(_SEEN_AFTER_S)

    def _set(self, offset: str) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{offset}\n")
        beside.replace(self._file)


@functools.cache
def _added_by_tensorflow() -> dict[str, str]:
    """The variables that a process has after it imported TensorFlow, and did not have before."""
    source = (
        "import json, os; before = set(os.environ); import tensorflow;"
        " print(json.dumps({name: os.environ[name] for name in os.environ.keys() - before}))"
    )
    environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, check=True, text=True
    )
    added: dict[str, str] = json.loads(ended.stdout.splitlines()[-1])
    return added


def _library() -> Path:
    if shutil.which("faketime") is None:
        pytest.fail("expected faketime on the path, found none: apt-get install faketime")
    for root in _LIBRARIES:
        for found in sorted(Path(root).rglob("libfaketime.so.1")):
            return found
    pytest.fail(f"expected libfaketime.so.1 below {' or '.join(_LIBRARIES)}, found none")
