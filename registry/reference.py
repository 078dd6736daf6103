"""How a model is named: text such as ``shop``, ``shop:3`` or ``shop@champion`` comes in, a `ModelRef` goes out.

The command line and the service parse with it; `registry.local` resolves the result to a version.
"""

import re
from typing import Self

from typing_extensions import override

from features.document import Document
from registry.errors import UnusableNameError

CHAMPION = "champion"
"""The alias of the version that serves."""

# A name becomes a directory and a part of a reference: no separators, no '..', no hidden directories.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_\-]|\.(?!\.)){0,99}")
_REFERENCE = re.compile(r"(?P<name>[^:@]*)(?::(?P<version>[^:@]*)|@(?P<alias>[^:@]*))?")


class ModelRef(Document):
    """Which version of which model: its number, or an alias that points at one."""

    name: str
    at: int | str = CHAMPION

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME``, ``NAME:VERSION`` or ``NAME@ALIAS``; without either part the alias is `CHAMPION`.

        Raises:
            UnusableNameError: If the text is none of these.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise UnusableNameError(f"expected NAME, NAME:VERSION or NAME@ALIAS, got {text!r}")
        name, version, alias = match["name"], match["version"], match["alias"]
        checked_name(name)
        if version is not None:
            return cls(name=name, at=_number(version, text))
        return cls(name=name, at=CHAMPION if alias is None else checked_name(alias, what="an alias"))

    @override
    def __str__(self) -> str:
        return f"{self.name}{':' if isinstance(self.at, int) else '@'}{self.at}"


def checked_name(name: str, *, what: str = "a model's name") -> str:
    """The name itself.

    Raises:
        UnusableNameError: If it cannot be a directory of the registry, or would leave it.
    """
    if not _NAME.fullmatch(name):
        raise UnusableNameError(
            f"expected {what} of at most 100 letters, digits, '_', '-' and single '.', starting with a letter "
            f"or a digit, got {name!r}"
        )
    return name


def is_version_number(text: str) -> bool:
    """Whether the text is a version's directory: a positive integer, written without leading zeros."""
    return text.isascii() and text.isdecimal() and not text.startswith("0")


def _number(version: str, text: str) -> int:
    if not is_version_number(version):
        raise UnusableNameError(f"expected a positive integer as the version in {text!r}, got {version!r}")
    return int(version)
