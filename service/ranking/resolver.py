"""Who asks and what is asked about: requests to rank come in, features of users and candidates go out, the catalog's filled in.

`service.ranking.ranker` calls it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import orjson
from numpy.typing import NDArray

from features.spec import Side
from service.catalog.store import Entity, EntityStore
from service.catalog.table import ItemTable
from service.errors import InvalidRequestError, TooManyRowsError
from service.models.live import LiveModel
from service.ranking.rank_request import CANDIDATES, CONTEXT, USER, Features, RankRequest
from service.ranking.sides import Pointer, SideColumns, SideReader
from service.scoring.rows import request_inputs

_NOTHING: Features = {}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidates:
    """The candidates of one question: those whose states are kept, and behind them those that are computed now.

    Attributes:
        rows: In the catalog.
        cold: Places among the cold items of the batch.
        cold_ids: Their ids.
        unknown: Ids that were left out.
    """

    rows: NDArray[np.int64]
    cold: slice
    cold_ids: list[str]
    unknown: list[str]

    @property
    def size(self) -> int:
        return len(self.rows) + len(self.cold_ids)


@dataclass
class _Cold:
    """Items of a batch that are computed for it alone."""

    ids: list[str]
    kept: list[Features]
    own: list[Features]
    places: list[int]

    def pointer(self, row: int) -> str:
        """Where the features of one of them stand in its request."""
        return f"{CANDIDATES}/{self.places[row]}/features"


class Resolver:
    """Made once for a live model.

    Args:
        live: The model.
        items: The catalog's items; None without a catalog.
        store: Has users and items by id; None without a catalog.
        most: Most candidates of a question.
    """

    def __init__(
        self, live: LiveModel, items: ItemTable | None, store: EntityStore | None, most: int
    ) -> None:
        self._items = items
        self._store = store
        self._most = most
        self._origin = live.origin
        self._told: set[str] = set()
        spec, manifest = live.fitted.spec, live.manifest
        inputs = request_inputs(spec, manifest.impression_time)
        self._users, self._contexts, self._cold = (
            SideReader(spec, side, inputs, key)
            for side, key in (
                (Side.USER, manifest.user_key),
                (Side.CONTEXT, None),
                (Side.ITEM, manifest.item_key),
            )
        )

    def askers(self, asked: Sequence[RankRequest]) -> SideColumns:
        """The columns of the users and of the moments, one row per question.

        Raises:
            RefusedRequestError: If a feature is not what the model takes.
        """
        own = [request.user for request in asked]
        ids = [request.user_id or self._users.identity(request.user) for request in asked]
        known = [place for place, key in enumerate(ids) if key]
        kept = self._kept(Entity.USER, ids, own, known, self._users)
        users = self._read(self._users, ids, kept, own, lambda _: USER)
        moments = self._contexts.read(ids, [request.context for request in asked], lambda _: CONTEXT)
        return users.beside(moments)

    def candidates(self, asked: Sequence[RankRequest]) -> tuple[list[Candidates], SideColumns]:
        """The candidates of every question, and the columns of all cold items among them.

        Raises:
            RefusedRequestError: If a filter or a feature is not what it should be, or too many items are found.
        """
        cold = _Cold([], [], [], [])
        found = [self._found(request, cold) for request in asked]
        return found, self._read(self._cold, cold.ids, cold.kept, cold.own, cold.pointer)

    def _found(self, request: RankRequest, cold: _Cold) -> Candidates:
        start = len(cold.ids)
        if request.wanted is not None:
            return Candidates(self._matching(request.wanted), slice(start, start), [], [])
        ids = request.ids
        rows = np.full(len(ids), -1) if self._items is None else self._items.rows_of(ids)
        if not request.described and rows.min() >= 0:
            return Candidates(rows, slice(start, start), [], [])
        asis = rows >= 0
        asis[list(request.described)] = False
        left_out = rows < 0 if request.list_unknown else np.zeros(len(ids), bool)
        new = np.flatnonzero(~asis & ~left_out)
        places = new.tolist()
        new_ids = [ids[place] for place in places]
        own = list(map(request.described.get, places, repeat(_NOTHING)))
        known = np.flatnonzero(rows[new] >= 0).tolist()
        cold.ids += new_ids
        cold.own += own
        cold.kept += self._kept(Entity.ITEM, new_ids, own, known, self._cold)
        cold.places += places
        unknown = [ids[place] for place in np.flatnonzero(left_out).tolist()]
        return Candidates(rows[asis], slice(start, len(cold.ids)), cold.ids[start:], unknown)

    def _kept(
        self,
        kind: Entity,
        ids: Sequence[str],
        own: Sequence[Features],
        known: Sequence[int],
        reader: SideReader,
    ) -> list[Features]:
        """What the catalog has of users or items and the model takes; nothing for an id that it lacks, or that needs nothing.

        Args:
            kind: Which.
            ids: Their ids.
            own: What they came with.
            known: Places of those that the catalog may have.
            reader: Of their columns.
        """
        kept = [_NOTHING] * len(ids)
        # Who asks with every feature needs nothing of a store, and must not wait for one that hangs.
        lacking = [place for place in known if not reader.covered(own[place])]
        if self._store is None or not lacking:
            return kept
        columns = {raw.column for raw in reader.inputs}
        records = self._store.get(kind, [ids[place] for place in lacking])
        for place, record in zip(lacking, records, strict=True):
            if record:
                features = orjson.loads(record)
                kept[place] = {name: value for name, value in features.items() if name in columns}
        return kept

    def _read(
        self,
        reader: SideReader,
        ids: Sequence[str],
        kept: Sequence[Features],
        own: Sequence[Features],
        pointer: Pointer,
    ) -> SideColumns:
        """What entities came with, over what the catalog has of them.

        A kept value that this model cannot read, because it came for another one, counts as missing, as it does in `ItemTable`:
        whoever asks can do nothing about it.

        Raises:
            RefusedRequestError: If a feature that came with the request is not what the model takes.
        """
        try:
            return reader.read(ids, _over(kept, own), pointer)
        except InvalidRequestError:
            readable = [reader.readable(features) if features else features for features in kept]
            if readable == list(kept):
                raise
            self._tell_of_lost(reader, kept, readable)
            return reader.read(ids, _over(readable, own), pointer)

    def _tell_of_lost(
        self, reader: SideReader, kept: Sequence[Features], readable: Sequence[Features]
    ) -> None:
        """Warn of a column once: it is the same for every request that meets it."""
        lost = set().union(
            *(all_of.keys() - some.keys() for all_of, some in zip(kept, readable, strict=True))
        )
        for column in sorted(lost - self._told):
            log.warning(
                "the catalog's %s of some %s is not what %s reads; it counts as missing",
                column,
                reader.side,
                self._origin,
            )
        self._told |= lost

    def _matching(self, wanted: Features) -> NDArray[np.int64]:
        pointer = f"{CANDIDATES}/filter"
        if self._items is None:
            raise InvalidRequestError.at(
                pointer,
                "expected a list of ids: the service has no catalog to look into (axon serve --catalog FILE)",
            )
        rows = self._items.matching(wanted)
        if len(rows) > self._most:
            detail = f"expected at most {self._most} items to match, {len(rows)} do: narrow the filter"
            raise TooManyRowsError.at(pointer, detail)
        return rows


def _over(kept: Sequence[Features], own: Sequence[Features]) -> list[Features]:
    return [{**known, **given} if known else given for known, given in zip(kept, own, strict=True)]
