"""An object store below a prefix: relative paths and bytes come in, what fsspec makes of them goes out, its errors translated.

`registry.remote` keeps everything through here.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

from registry.errors import RegistryError, StoreUnavailableError

try:
    from botocore.exceptions import BotoCoreError
except ImportError:  # another store than S3
    _ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    _ERRORS = (OSError, BotoCoreError)

_OPTIONS: dict[str, dict[str, Any]] = {
    # A store that is away is told in seconds: the service asks again by itself.
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 1}}}
}


class Objects:
    """The objects below a prefix.

    Args:
        files: The store. It must be able to create an object exclusively; S3, Google's and Azure's can.
        root: Bucket and prefix, without the scheme.
        address: The same with it, for people.
    """

    def __init__(self, files: AbstractFileSystem, root: str, address: str) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self.address = address.rstrip("/")

    @classmethod
    def open(cls, address: str) -> "Objects":
        """The store at an address; its keys come from where its own client looks for them.

        Raises:
            RegistryError: If fsspec does not know the scheme, or a package for it is missing.
        """
        scheme = address.partition("://")[0]
        try:
            files, root = fsspec.core.url_to_fs(address, use_listings_cache=False, **_OPTIONS.get(scheme, {}))
        except (ValueError, ImportError) as error:
            raise RegistryError(
                f"{address} cannot be opened: {error}; expected a directory or s3://BUCKET/PREFIX"
            ) from error
        return cls(files, root, address)

    def directories(self, path: str) -> list[str]:
        """Names of what holds objects right below the path; none if there is nothing."""
        return self._listed(path, "directory")

    def names(self, path: str) -> list[str]:
        """Names of the objects right below the path; none if there is nothing."""
        return self._listed(path, "file")

    def exists(self, path: str) -> bool:
        with self._told():
            return bool(self._files.isfile(self._at(path)))

    def read(self, path: str) -> bytes | None:
        """The object; None if there is none."""
        with self._told():
            try:
                return bytes(self._files.cat_file(self._at(path)))
            except FileNotFoundError:
                return None

    def read_all(self, paths: list[str]) -> list[bytes]:
        """Several objects at once, which all exist, in order."""
        if not paths:
            return []
        with self._told():
            found = self._files.cat([self._at(path) for path in paths])
            return [found[self._at(path)] for path in paths]

    def create(self, path: str, content: bytes) -> bool:
        """Write an object that does not exist yet, whole; False if it does."""
        with self._told():
            try:
                self._files.pipe_file(self._at(path), content, mode="create")
            except FileExistsError:
                # The client asks again when it did not hear the answer, and then finds its own.
                return self.read(path) == content
            return True

    def upload(self, source: Path, path: str) -> None:
        with self._told():
            self._files.put_file(str(source), self._at(path))

    def download(self, path: str, target: Path) -> None:
        with self._told():
            self._files.get_file(self._at(path), str(target))

    def remove(self, path: str) -> None:
        """Remove one object; one that is not there is no error."""
        with self._told(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(path))

    def remove_all(self, path: str) -> None:
        """Remove what is below the path; if nothing is there, that is no error."""
        with self._told(), contextlib.suppress(FileNotFoundError):
            self._files.rm(self._at(path), recursive=True)

    def _listed(self, path: str, kind: str) -> list[str]:
        with self._told():
            try:
                entries = self._files.ls(self._at(path), detail=True, refresh=True)
            except FileNotFoundError:
                return []
            return sorted(Path(entry["name"]).name for entry in entries if entry["type"] == kind)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _ERRORS as error:
            raise StoreUnavailableError(
                f"{self.address} does not answer as it should: {type(error).__name__}: {error}; what was published "
                "stands as it was: look at the address, the keys and the network, and try again"
            ) from error
