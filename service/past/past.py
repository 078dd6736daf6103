"""What happened before the rows of a request: their keys and times come in, all columns of the graph go out.

`service.models.loader` makes one for a model that looks at history; `service.models.live` asks it for every request to score, and a request to
rank asks it half by half, with the keys of a catalog that were made once.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.raw import MISSING_TIME
from features.spec import FeatureSpec, Half
from history import KeyColumn, StoreError
from registry.manifest import Manifest
from service.errors import HistoryUnavailableError
from service.past.sources import Key, Source
from service.scoring.rows import Columns


def clock_ms() -> int:
    """Milliseconds since the epoch, now."""
    return time.time_ns() // 1_000_000


class Past:
    """Fills the columns that neither a log nor a request carries.

    An impression is when its row says so, and now where it says nothing; it sees all that the source knows.

    Args:
        source: Where to look.
        spec: Of the model.
        manifest: Says where a row has its time. Where the log had no clock, it is always its end.
        now_ms: The present, in milliseconds since the epoch.

    Attributes:
        keys: The columns that history counts by.
    """

    def __init__(
        self, source: Source, spec: FeatureSpec, manifest: Manifest, now_ms: Callable[[], int] = clock_ms
    ) -> None:
        self._source = source
        self._inputs = spec.raw_inputs()
        self._time = manifest.impression_time
        end_ms = manifest.history_rows or 0
        self._now_ms = now_ms if manifest.last_impression_at is not None else lambda: end_ms
        counted = {column for feature in spec.history for column in feature.of}
        self.keys = tuple(raw for raw in spec.key_inputs() if raw.column in counted)
        self._halves = {
            half: frozenset(
                feature.name
                for feature in spec.history
                if any(spec.half_of(one) is half for one in feature.features())
            )
            for half in Half
        }
        self._all = frozenset().union(*self._halves.values())

    def features(self, half: Half) -> frozenset[str]:
        """The names of the features of history that enter a half."""
        return self._halves[half]

    def key(self, column: str, values: Sequence[Any]) -> Key:
        """A key column of read values; made once for a catalog, rows can be taken from it.

        Args:
            column: One of `keys`.
            values: Texts, or lists of texts where the column is multi-valued.
        """
        raw = next(raw for raw in self.keys if raw.column == column)
        return self._source.key(raw, values)

    def kept(self, column: str, values: KeyColumn, edition: int) -> Key:
        """A key column of some rows of a catalog: see `Source.kept`."""
        return self._source.kept(next(raw for raw in self.keys if raw.column == column), values, edition)

    def answers(
        self, keys: Mapping[str, Key], at_ms: NDArray[np.int64], features: Collection[str]
    ) -> dict[str, NDArray[Any]]:
        """The columns of the graph that some features of history fill.

        Args:
            keys: By name the columns that these features count by, all of one size.
            at_ms: Time of each impression, shape ``(size,)``, or ``(1,)`` for all of them.
            features: Their names.

        Returns:
            Float32 ``(size,)`` by column, or texts ``(size, longest)``.

        Raises:
            HistoryUnavailableError: If the store does not answer.
        """
        if not features:
            return {}
        try:
            told = self._source.ask(keys, at_ms, features)
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error
        return {raw.column: told[raw.column] for raw in self._inputs if raw.history and raw.column in told}

    def filled(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """One array per raw input of the graph.

        Raises:
            HistoryUnavailableError: If the store does not answer.
        """
        keys = {raw.column: self._source.key(raw, columns.keys[raw.column]) for raw in self.keys}
        rows = next(iter(keys.values())).size
        carried, at_ms = self.timed(columns.arrays, rows)
        told = self.answers(keys, at_ms, self._all)
        return {raw.column: told[raw.column] if raw.history else carried[raw.column] for raw in self._inputs}

    def timed(
        self, arrays: dict[str, NDArray[Any]], rows: int
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
        """The columns of so many rows, and when each is: the same moment for history and for features that read the time."""
        if self._time is None:
            return arrays, self.times(None, rows)
        at_ms = self.times(arrays[self._time.column], rows)
        return {**arrays, self._time.column: at_ms}, at_ms

    def times(self, given: NDArray[np.int64] | None, rows: int) -> NDArray[np.int64]:
        """Time of each of so many impressions in milliseconds since the epoch.

        Args:
            given: What the rows say, `MISSING_TIME` where they say nothing; None where they cannot say.
            rows: How many there are.
        """
        if given is None:
            return np.full(rows, self._now_ms())
        return np.where(given == MISSING_TIME, self._now_ms(), given)
