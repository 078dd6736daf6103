"""All files that a name or glob means, as one stream of chunks under the names that the task file uses.

`open_source` looks at every file before the first row is read, so that what cannot work is refused at once; the
readers of logs and tables take the `Source`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.config import DataConfig
from training.errors import DataError
from training.sources.chunks import Format, SourceChunk
from training.sources.delimited import Delimited
from training.sources.files import find_files, nearest
from training.sources.json_lines import JsonLines
from training.sources.parquet import Parquet

_TEXTS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
_ENDINGS = (*_TEXTS, *(f"{ending}.gz" for ending in _TEXTS), ".parquet")


@dataclass(frozen=True)
class Source:
    """One log or table, in one file or several of one format.

    Attributes:
        what: What it is, for messages: "log", "users table".
        files: In the order in which they are read.
        names: Name of each column as used here -> its name in the files, in the files' order.
        noted: Whether the service noted the values: they have the names of features already, and integers of a time
            column are milliseconds, as in requests.
    """

    what: str
    files: tuple[Path, ...]
    names: Mapping[str, str]
    format: Format
    noted: bool = False

    @property
    def shown(self) -> str:
        """How messages name the source."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.what} {self.files[0]}{more}"

    def require(self, column: str, role: str) -> None:
        """Do nothing if there is such a column.

        Raises:
            DataError: If there is none; the text names what is near.
        """
        if column not in self.names:
            raise DataError(f"{self.shown}: expected a column {column!r} ({role}), {self.lacking(column)}")

    def lacking(self, column: str) -> str:
        """What to say about a column that is not there."""
        hint = nearest(column, list(self.names))
        if len(self.names) == 1:
            hint += "; with one column only, data.separator may be wrong"
        return f"{hint}; data.rename gives a column another name"

    def chunks(self, rows: int, columns: Collection[str] | None = None) -> Iterator[SourceChunk]:
        """Every row of every file, in order.

        Args:
            rows: Rows of a chunk; a file's last chunk may be smaller, and no chunk spans two files.
            columns: The columns, as named here, that will be asked for, None or none for all.

        Raises:
            DataError: If there is no row at all, or a file turns out to be damaged.
        """
        wanted = [old for new, old in self.names.items() if not columns or new in columns]
        sizes = [path.stat().st_size for path in self.files]
        seen = False
        for index, path in enumerate(self.files):
            for chunk in self.format.chunks(path, rows, wanted):
                seen = True
                read = sum(sizes[:index]) + chunk.done * sizes[index]
                yield replace(chunk, done=read / sum(sizes))
        if not seen:
            raise DataError(
                f"{self.shown}: expected rows, found only the names of the columns; was it written whole?"
            )


def open_source(pattern: str, root: Path, data: DataConfig, *, what: str, noted: bool = False) -> Source:
    """Find the files, choose their format by their ending and learn their columns.

    Args:
        pattern: File name or glob, relative to `root` or absolute.
        root: Where relative names start.
        data: Says the separator of .csv files and which columns are renamed.
        what: What it is, for messages: "log", "users table".
        noted: Whether the service noted the values.

    Raises:
        DataError: If there is no such file, a file is empty or of no known format, two columns share a name, or the
            files differ in their columns.
    """
    files = find_files(pattern, root, what)
    rename = {} if noted else data.rename
    form = _format_of(files, data)
    columns = [_columns_of(path, form) for path in files]
    if isinstance(form, JsonLines):
        # A record may leave a key out, and so may a whole file.
        together = tuple(dict.fromkeys(name for names in columns for name in names))
        return Source(what, files, _renamed(files[0], together, rename), form, noted)
    for path, names in zip(files, columns, strict=True):
        _check_same(files[0], columns[0], path, names)
    return Source(what, files, _renamed(files[0], columns[0], rename), form, noted)


def _format_of(files: Sequence[Path], data: DataConfig) -> Format:
    endings = {path: _ending_of(path) for path in files}
    kinds = {ending.removesuffix(".gz") for ending in endings.values()}
    if len(kinds) > 1:
        raise DataError(f"{files[0].parent}: expected files of one format, got {', '.join(sorted(kinds))}")
    match kinds.pop():
        case ".csv" | ".txt":
            return Delimited(data.separator or ",")
        case ".tsv":
            return Delimited("\t")
        case ".jsonl" | ".ndjson":
            return JsonLines()
        case _:
            return Parquet()


def _ending_of(path: Path) -> str:
    for ending in _ENDINGS:
        if path.name.lower().endswith(ending):
            return ending
    raise DataError(
        f"{path}: expected a name that ends in {', '.join(_ENDINGS)}, got {path.suffix or 'no ending'!r}"
    )


def _columns_of(path: Path, form: Format) -> tuple[str, ...]:
    columns = form.columns(path)
    if not columns:
        raise DataError(f"{path}: expected rows, got an empty file; fetch or write it again")
    return columns


def _check_same(first: Path, expected: Sequence[str], path: Path, names: Sequence[str]) -> None:
    odd = sorted(set(expected) ^ set(names))
    if odd:
        shown = ", ".join(map(repr, odd[:10]))
        raise DataError(f"{path}: expected the columns of {first}, which differ in {shown}; read them apart")


def _renamed(path: Path, columns: Sequence[str], rename: Mapping[str, str]) -> dict[str, str]:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{path}: expected different names in the header, got {twice[0]!r} more than once")
    names: dict[str, str] = {}
    for column in columns:
        name = rename.get(column, column)
        if name in names:
            raise DataError(
                f"{path}: data.rename makes {name!r} the name of both {names[name]!r} and {column!r}; "
                "give one of them another name"
            )
        names[name] = column
    return names
