"""Names for versions, such as ``champion``: a model's directory comes in, a version's number by alias goes out.

`registry.local` reads and moves them; ``aliases.json`` is replaced in one step, so a reader needs no lock.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from registry.durable import locked, replace_file
from registry.errors import RegistryError

LOCK = ".lock"
"""Held by whoever changes a model's directory."""

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


def point_alias(home: Path, alias: str, number: int) -> None:
    """Let the alias mean another version; the other aliases stay, also when two processes do this at once.

    Raises:
        OSError: If the disc cannot take it; the aliases stay as they were.
    """
    with locked(home / LOCK):
        aliases = {**read_aliases(home), alias: number}
        replace_file(home / _FILE, _ALIASES.dump_json(dict(sorted(aliases.items())), indent=2))
