"""What every store of items and users can do; `tests/service/catalog` holds both siblings to it.

An entity's features are the bytes of a JSON object. Every change gets a revision, so that several processes, each with
its items in memory, can follow what another one wrote.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Entity(StrEnum):
    """What has an id in a catalog."""

    ITEM = "item"
    USER = "user"
    FILE = "file"
    """The file that was imported last for a kind and a column of ids, by these two."""


class Changes(NamedTuple):
    """What happened to the entities of a kind.

    Attributes:
        revision: Of the last of these changes; the next question is for changes since then.
        entities: The features of every entity that has changed, by id; None where it was deleted.
    """

    revision: int
    entities: dict[str, bytes | None]


class EntityStore(Protocol):
    """Features by kind and id; every method may raise `CatalogUnavailableError`, and may be called by any thread."""

    def put(self, kind: Entity, entities: Mapping[str, bytes]) -> None:
        """Add or replace entities: all of them, or none when interrupted; kept when it returns."""

    def delete(self, kind: Entity, ids: Sequence[str]) -> None:
        """Forget entities, as `put` keeps them; ids that are not there are passed over."""

    def get(self, kind: Entity, ids: Sequence[str]) -> list[bytes | None]:
        """The features of some entities, in their order; None where there is none."""

    def all(self, kind: Entity) -> Iterator[tuple[str, bytes]]:
        """Every entity, in no order; one that changes meanwhile may come as it was, as it is, or twice."""

    def count(self, kind: Entity) -> int:
        """How many entities there are."""

    def revision(self, kind: Entity) -> int:
        """That of the last change; 0 before the first."""

    def changes(self, kind: Entity, since: int) -> Changes:
        """What has changed after a revision."""

    def close(self) -> None:
        """Let go of files and connections."""
