"""From a file of items or users to the store: `import_file` has a process of its own read it, which runs this module.

`service.catalog.catalog` calls it before the first model goes live. Content that was the last to be imported is left
alone, so that what was changed since then outlives a restart.
"""

import hashlib
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import UnreadableValueError
from features.raw import from_json
from features.spec import RawInput
from service.catalog.features import FeatureReader
from service.catalog.files import Row, read_rows, suffix_of
from service.catalog.opening import open_entities
from service.catalog.store import Entity
from service.catalog.table import batches, other_input
from service.errors import ImportFileError, ServiceError

Progress = Callable[[str], None]
"""Told in words how far something is."""

_PER_PUT = 4096


class Import(BaseModel):
    """What the process is to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(description="of the store")
    kind: Entity
    path: Path = Field(description="of the file")
    key: str = Field(description="column with the id")
    inputs: tuple[RawInput, ...] = Field(description="what the model reads of such an entity")


class Told(BaseModel):
    """One line of what the process answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=0, description="read so far")
    refused: str | None = Field(default=None, description="why it stopped")


def import_file(wanted: Import, progress: Progress) -> None:
    """Bring a file's rows into the store, unless its content was the last that came into this place.

    Raises:
        ImportFileError: If the file, or a row of it, cannot be read; the rows before it may be in.
        CatalogUnavailableError: If the store cannot be used.
    """
    suffix_of(wanted.path)
    store = open_entities(wanted.address)
    place = f"{wanted.kind}:{wanted.key}"
    try:
        digest = _digest(wanted.path)
        (last,) = store.get(Entity.FILE, [place])
        if last is not None and orjson.loads(last)["digest"] == digest:
            return
        rows = _in_a_process(wanted, progress)
        told = {"digest": digest, "path": str(wanted.path), "rows": rows}
        store.put(Entity.FILE, {place: orjson.dumps(told)})
    finally:
        store.close()


def _digest(path: Path) -> str:
    """The same for the same content, whatever the file is called."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from error


def _in_a_process(wanted: Import, progress: Progress) -> int:
    """Let another process import; how many rows it read."""
    command = [sys.executable, "-m", __name__]
    told = Told()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # this very module
        assert process.stdin is not None  # noqa: S101  # asked for above
        assert process.stdout is not None  # noqa: S101  # asked for above
        # Not as an argument, which everybody may read: the address may hold a password.
        process.stdin.write(wanted.model_dump_json())
        process.stdin.close()
        for line in process.stdout:
            told = Told.model_validate_json(line)
            progress(f"importing {wanted.path.name}: {told.rows:,} rows")
    if told.refused is not None:
        raise ImportFileError(told.refused)
    if process.returncode != 0:
        raise ImportFileError(
            f"{wanted.path}: the process that read it ended with {process.returncode} after {told.rows} rows"
        )
    return told.rows


def main() -> None:
    """Read an `Import` from the standard input, do it, and tell of it on the standard output."""
    try:
        wanted = Import.model_validate_json(sys.stdin.read())
        for told in _imported(wanted):
            sys.stdout.write(f"{told.model_dump_json()}\n")
            sys.stdout.flush()
    except (ServiceError, ValidationError) as error:
        sys.stdout.write(f"{Told(refused=str(error)).model_dump_json()}\n")
        sys.exit(1)


def _imported(wanted: Import) -> Iterator[Told]:
    store = open_entities(wanted.address)
    reader = FeatureReader(wanted.inputs, wanted.key)
    rows = 0
    try:
        for some in batches(read_rows(wanted.path), _PER_PUT):
            store.put(wanted.kind, dict(_entity(wanted, reader, row) for row in some))
            rows += len(some)
            yield Told(rows=rows)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ImportFileError(f"{wanted.path}, after row {rows}: {error}") from error
    finally:
        store.close()


def _entity(wanted: Import, reader: FeatureReader, row: Row) -> tuple[str, bytes]:
    """The id and the features of a row."""
    place = f"{wanted.path}, row {row.number}"
    if wanted.key not in row.cells:
        raise ImportFileError(
            f"{place}: expected the column {wanted.key!r} with the id, got {sorted(row.cells)}"
        )
    try:
        key = from_json(other_input(wanted.key), row.cells[wanted.key])
    except UnreadableValueError as error:
        raise ImportFileError(f"{place}, {wanted.key}: {error}") from error
    if not isinstance(key, str) or key == "":
        raise ImportFileError(f"{place}: expected an id in the column {wanted.key!r}, got none")
    if row.text:
        features, misfits = reader.of_text(row.cells)
    else:
        features = reader.of_typed(row.cells)
        misfits = list(reader.unfit(features))
    for unfit in misfits:
        raise ImportFileError(f"{place}, {unfit.name}: {unfit.reason}")
    return key, orjson.dumps(features)


if __name__ == "__main__":
    main()
