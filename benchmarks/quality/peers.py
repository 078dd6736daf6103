"""Peers that live in an environment of their own: encoded slices go there as a file, their logits come back as one.

`make bench-quality` builds the environment from requirements/peers.lock; what is not there is left out of the tables.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.contestants import Contestant
from benchmarks.quality.encoded import EncodedLog, Logits
from training.log.split import Slice

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SCRIPTS = ROOT / "benchmarks" / "peers"


def catboost() -> Contestant:
    """CatBoost with its own statistics of categories."""
    return Contestant("CatBoost", partial(_said, "fit_catboost.py", ()))


def fuxictr() -> list[Contestant]:
    """FuxiCTR's plainest network and its DeepFM."""
    families = {"FuxiCTR DNN": "dnn", "FuxiCTR DeepFM": "deepfm"}
    return [
        Contestant(name, partial(_said, "fit_fuxictr.py", (family,)), is_network=True)
        for name, family in families.items()
    ]


def installed(module: str) -> bool:
    """Whether the peers' environment is there and can import a module."""
    if not PYTHON.exists():
        return False
    asked = subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, check=False)
    return asked.returncode == 0


def present() -> tuple[list[Contestant], list[str]]:
    """The peers that are installed, and the names of those that are not."""
    by_module = {"catboost": [catboost()], "fuxictr.pytorch.models": fuxictr()}
    there = {module: installed(module) for module in by_module}
    found = [peer for module, peers in by_module.items() if there[module] for peer in peers]
    absent = [peer.name for module, peers in by_module.items() if not there[module] for peer in peers]
    return found, absent


def _said(script: str, arguments: Sequence[str], log: EncodedLog, seed: int) -> Logits:
    """Run a script on the slices of a log.

    Raises:
        RuntimeError: If the script fails; with what it wrote last.
    """
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "slices.npz", Path(directory) / "logits.npz"
        np.savez(source, **_arrays(log))  # type: ignore[arg-type]  # its stub takes every keyword for allow_pickle
        command = [str(PYTHON), "-W", "ignore", str(SCRIPTS / script), str(source), str(target), str(seed)]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"{script}: expected logits, got exit code {done.returncode}: {done.stderr[-2000:]}"
            )
        with np.load(target) as logits:
            return {part: logits[part.name.lower()] for part in log.parts}


def _arrays(log: EncodedLog) -> dict[str, NDArray[np.generic]]:
    """The slices of a log and the columns of their ids, by the names that the scripts read."""
    fields = log.encoder.layout.ids
    arrays: dict[str, NDArray[np.generic]] = {
        "parts": np.array([part.name.lower() for part in log.parts]),
        "id names": np.array([field.name for field in fields]),
        "id starts": np.array([field.start for field in fields]),
        "id widths": np.array([field.width for field in fields]),
        "id rows": np.array([field.rows for field in fields]),
    }
    for part in (Slice.TRAIN, *log.parts):
        records = log.slices.stores[part].mapped()
        for name in ("ids", "values", "clicked"):
            arrays[f"{part.name.lower()} {name}"] = np.ascontiguousarray(records[name])
    return arrays
