"""Names for versions, such as ``champion``: a model's directory comes in, version numbers by alias and their trail go out.

`registry.local` reads and moves them. ``aliases.json`` says where the aliases stand and is replaced in one step, so a
reader needs no lock; ``audit.jsonl`` says how they came there, one line per move.
"""

import contextlib
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from registry.audit import Move, State, aliases_after, repairs
from registry.durable import append, locked, replace_file
from registry.errors import RegistryError

LOCK = ".lock"
"""Held by whoever changes a model's directory."""

TRAIL = "audit.jsonl"

_FILE = "aliases.json"
BESIDE_ALIASES = f".{_FILE}-"
"""How the names of half-written alias files begin; whoever holds the lock may remove them."""

_ALIASES = TypeAdapter(dict[str, Annotated[int, Field(ge=1)]])


def read_aliases(home: Path) -> dict[str, int]:
    """Version numbers by alias; empty when none was ever set.

    Args:
        home: The model's directory.

    Raises:
        RegistryError: If the file is there and unreadable.
    """
    try:
        return _ALIASES.validate_json((home / _FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValidationError as error:
        raise RegistryError(
            f'{home / _FILE} is not readable: expected an object such as {{"champion": 3}}; '
            "remove it and set the aliases again"
        ) from error


def read_state(home: Path) -> State:
    """Where the aliases stand, and the trail; a move that died before its alias moved is followed by its repair."""
    aliases, moves = read_aliases(home), _read_trail(home)
    if repairs(aliases, moves) and home.is_dir():
        # Perhaps somebody is between the line and the alias at this moment: whoever holds the lock is done. Where nobody
        # may write, as on a read-only mount, the lock cannot be had, and what was read has to do.
        with contextlib.suppress(OSError), locked(home / LOCK):
            aliases, moves = read_aliases(home), _read_trail(home)
    return State(aliases, [*moves, *repairs(aliases, moves)])


def healed(home: Path) -> State:
    """The same for the holder of the lock, who also writes down what was missing in the trail.

    Raises:
        OSError: If the disc cannot take it.
    """
    aliases, moves = read_aliases(home), _read_trail(home)
    missing = repairs(aliases, moves)
    _cut_torn_tail(home / TRAIL)
    for move in missing:
        append(home / TRAIL, move.line())
    return State(aliases, [*moves, *missing])


def record(home: Path, state: State, move: Move) -> None:
    """Write the line, then move the alias; the caller holds the lock and has the state from `healed`.

    A process that dies between the two leaves a trail that ends elsewhere than the aliases: `healed` sees it.

    Raises:
        OSError: If the disc cannot take it; trail and aliases stay as they were.
    """
    trail = home / TRAIL
    before = trail.stat().st_size if trail.exists() else 0
    aliases = aliases_after([*state.moves, move])
    append(trail, move.line())
    if aliases == state.aliases:
        return
    try:
        replace_file(home / _FILE, _ALIASES.dump_json(dict(sorted(aliases.items())), indent=2))
    except OSError:
        os.truncate(trail, before)
        raise


def _read_trail(home: Path) -> list[Move]:
    try:
        content = (home / TRAIL).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return []
    # What follows the last newline was never whole, so its alias never moved.
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [_read_line(home, number, line) for number, line in enumerate(lines, 1)]


def _read_line(home: Path, number: int, line: bytes) -> Move:
    try:
        return Move.model_validate_json(line)
    except ValidationError as error:
        raise RegistryError(
            f"{home / TRAIL} is not readable in line {number}: expected a move of an alias; restore the file, or "
            "set it aside: a new one is begun"
        ) from error


def _cut_torn_tail(trail: Path) -> None:
    if trail.exists():
        content = trail.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(trail, content.rfind(b"\n") + 1)
