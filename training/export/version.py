"""Which code made a version: the package's version and, in a checkout, the commit."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def code_version() -> str:
    """Such as ``0.1.0+5841b4d``; ``.dirty`` marks changes that are in no commit."""
    try:
        released = version("axon-ctr")
    except PackageNotFoundError:
        released = "0"
    commit = _git("rev-parse", "--short", "HEAD")
    if commit is None:
        return released
    return f"{released}+{commit}" + (".dirty" if _git("status", "--porcelain", "-uno") else "")


def _git(*arguments: str) -> str | None:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
