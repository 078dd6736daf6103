"""How far a store has come, kept in the store itself: written together with the outcomes that it speaks of, in one step.

`training.remembering.remembering` reads it at every step, so that an outcome is counted once, whatever is killed and whenever.
"""

from typing import Self

from pydantic import Field, ValidationError

from features.document import Document
from history import HistoryStore, StoreError
from history.stores.filling import KEY, SPACE, being_filled, found_in
from history.stores.store import Changes, Unchanged
from training.join.labelling import TIME, Labelled


class Cursor(Document):
    """What of the journals is in the store."""

    shown_ms: int = Field(
        description="every impression shown up to this moment is in the store, or came too late"
    )
    snapshot_ms: int = Field(
        description="the snapshot that the store began with has the impressions up to here"
    )
    snapshot_shown_ms: int | None = Field(
        default=None,
        description="of these, those that were shown up to here; None where their log says nothing of it",
    )
    read_ms: int = Field(description="when the journals were read last")
    definitions: dict[str, str] = Field(description="of the features of history, by name")

    @classmethod
    def read(cls, store: HistoryStore) -> tuple[Self | None, Unchanged]:
        """The cursor of a store; None where nobody has filled it to the end. And that it is so.

        Raises:
            StoreError: If the store cannot be read.
        """
        found = found_in(store)
        if found.record is None or being_filled(found.record):
            return None, found
        try:
            return cls.model_validate_json(found.record), found
        except ValidationError as error:
            raise StoreError(
                f"expected the cursor of this version of Axon, got {found.record[:100]!r}: fill the store anew with --seed-again"
            ) from error

    def changes(self) -> Changes:
        """As it is kept."""
        return {SPACE: {KEY: self._record()}}

    def unchanged(self) -> Unchanged:
        """What is so as long as nobody else has written."""
        return Unchanged(SPACE, KEY, self._record())

    def moved(self, shown_ms: int, read_ms: int) -> Self:
        """The cursor when all impressions up to a later moment are in the store."""
        return self.model_copy(update={"shown_ms": shown_ms, "read_ms": read_ms})

    def is_new(self, one: Labelled) -> bool:
        """Whether the snapshot does not have an impression: it was joined by when it was shown, and cut by its own time."""
        shown_ms = self.snapshot_shown_ms
        return one.row[TIME] > self.snapshot_ms or (shown_ms is not None and one.shown_ms > shown_ms)

    def _record(self) -> bytes:
        return self.model_dump_json().encode()
