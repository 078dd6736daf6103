"""From text to a registry: a path or an address such as ``s3://bucket/prefix`` comes in, a `Registry` goes out.

The command line and the service open theirs here.
"""

import re
from importlib.util import find_spec
from pathlib import Path

from registry.errors import RegistryError, UnusableNameError
from registry.local import LocalRegistry
from registry.registry import Registry

CACHE = Path("~/.cache/axon/models")
"""Where versions of an object store are copied to before they are loaded."""

_ONE_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def open_registry(address: str | Path, *, cache: Path = CACHE) -> Registry:
    """The registry at an address.

    Args:
        address: A directory, also as ``file:///DIRECTORY``, or SCHEME://... of an object store that fsspec knows.
        cache: Directory for verified copies; used for object stores only, and may be shared by processes.

    Raises:
        RegistryError: If what the address needs is not installed.
        UnusableNameError: If it is no address.
    """
    scheme, separator, place = str(address).partition("://")
    if scheme == "file" and place.startswith("/"):
        return open_registry(Path(place), cache=cache)
    if not separator:
        root = Path(address)
        nearest = next(place for place in (root, *root.parents) if place.exists())
        if _ONE_SLASH.match(str(address)) or not nearest.is_dir():
            raise UnusableNameError(
                f"expected a registry, a directory or an address such as s3://BUCKET/PREFIX, got {str(address)!r}"
            )
        return LocalRegistry(root)
    if not find_spec("fsspec"):
        raise RegistryError(
            f"{address} needs fsspec, which is not installed: pip install 'axon-ctr[s3]' for {scheme}:// of S3"
        )
    from registry.remote import RemoteRegistry  # noqa: PLC0415  # an installation need not have fsspec

    try:
        return RemoteRegistry.open(str(address), cache.expanduser())
    except RuntimeError as error:  # a container may run as a user that has no home
        raise RegistryError(
            f"{cache} is nowhere: {error}; set HOME, or AXON_REGISTRY_CACHE for a service"
        ) from error
