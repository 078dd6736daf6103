"""What happened before the rows of a request: their keys and times come in, all columns of the graph go out.

`service.loader` makes one for a model that looks at history, and `service.live` asks it for every request.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.raw import MISSING_TIME, to_array
from features.spec import FeatureSpec, RawInput, RawKind
from history import Answers, History, Impressions, KeyColumn, Questions, StoreError
from registry.manifest import Manifest
from service.errors import HistoryUnavailableError
from service.rows import Columns

_ALL_KNOWN = np.iinfo(np.int64).max


def clock_ms() -> int:
    """Milliseconds since the epoch, now."""
    return time.time_ns() // 1_000_000


class Past:
    """Fills the columns that neither a log nor a request carries.

    An impression is when its row says so, and now where it says nothing; it sees all that the store knows.

    Args:
        history: What was counted.
        spec: Of the model.
        manifest: Says where a row has its time. Where the log had no clock, nothing has passed since its end.
        now_ms: The present, in milliseconds since the epoch.
    """

    def __init__(
        self, history: History, spec: FeatureSpec, manifest: Manifest, now_ms: Callable[[], int] = clock_ms
    ) -> None:
        self._history = history
        self._inputs = spec.raw_inputs()
        self._time = manifest.impression_time
        self._now_ms = now_ms if manifest.last_impression_at is not None else lambda: 0

    def filled(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """One array per raw input of the graph.

        Raises:
            HistoryUnavailableError: If the store does not answer.
        """
        rows = len(next(iter(columns.keys.values())))
        impressions = Impressions(
            {name: KeyColumn.of(values) for name, values in columns.keys.items()},  # type: ignore[arg-type]  # texts, or lists of texts
            rows,
        )
        questions = Questions(np.arange(rows), self._times(columns, rows), np.full(rows, _ALL_KNOWN))
        try:
            answers = self._history.ask(impressions, questions)
        except StoreError as error:
            raise HistoryUnavailableError(str(error)) from error
        return {
            raw.column: _answered(raw, answers) if raw.history else columns.arrays[raw.column]
            for raw in self._inputs
        }

    def _times(self, columns: Columns, rows: int) -> NDArray[np.int64]:
        if self._time is None:
            return np.full(rows, self._now_ms())
        given = columns.arrays[self._time.column]
        return np.where(given == MISSING_TIME, self._now_ms(), given)


def _answered(raw: RawInput, answers: Answers) -> NDArray[Any]:
    if raw.kind is RawKind.TEXTS:
        return to_array(raw, answers.lists[raw.column])
    return answers.numbers[raw.column]
