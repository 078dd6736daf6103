"""What nobody knew yet when a log ended: the outcomes of its last `delay`, and the records without them.

`training.replay.replay.replay_log` makes it, a version keeps it beside its snapshot, which has counted these outcomes, and
`axon score --stream` begins with it: a row that comes a minute after the log sees no more than it would have seen live.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from history import History, Impressions, KeyColumn
from training.errors import DataError

_OUTCOMES = "pending.arrow"
_RECORDS = "earlier.arrow"
_KEY = "key:"
"""Before the names of key columns, which may be any."""


@dataclass(frozen=True)
class Pending:
    """Outcomes that were not known at the time of the log's last impression, which is always among them.

    Attributes:
        impressions: Their key columns, of ``n`` impressions.
        time_ms: When they were shown, shape ``(n,)``.
        clicked: 0 or 1, shape ``(n,)``.
        earlier: By feature and key, the records of their keys before any of them was counted; empty for nothing.
    """

    impressions: Impressions
    time_ms: NDArray[np.int64]
    clicked: NDArray[np.int8]
    earlier: Mapping[str, Mapping[str, bytes]]

    @classmethod
    def of(
        cls,
        history: History,
        impressions: Impressions,
        time_ms: NDArray[np.int64],
        clicked: NDArray[np.int8],
    ) -> Self:
        """Impressions whose outcomes the history has not counted yet."""
        wanted = {feature.name: impressions.keys(feature.of).texts for feature in history.features}
        found = history.store.get(wanted)
        earlier = {
            name: {key: record or b"" for key, record in zip(keys, found[name], strict=True)}
            for name, keys in wanted.items()
        }
        return cls(impressions, time_ms, clicked, earlier)

    def write(self, directory: Path) -> None:
        """Keep it in the directory of a snapshot."""
        keys = {_KEY + name: _values(column) for name, column in self.impressions.columns.items()}
        outcomes = pl.DataFrame({**keys, "time_ms": self.time_ms, "clicked": self.clicked})
        outcomes.write_ipc(directory / _OUTCOMES, compression="lz4")
        records = [
            (space, key, record) for space, found in self.earlier.items() for key, record in found.items()
        ]
        schema = {"feature": pl.String, "key": pl.String, "record": pl.Binary}
        pl.DataFrame(records, schema, orient="row").write_ipc(directory / _RECORDS, compression="lz4")

    @classmethod
    def open(cls, directory: Path) -> Self:
        """What a snapshot's directory keeps.

        Raises:
            DataError: If it keeps nothing of the kind: the version is too old.
        """
        if not (directory / _OUTCOMES).exists():
            raise DataError(
                "--stream needs to know which outcomes of the training log nobody knew yet when it ended, and this "
                "version, which an older axon trained, does not say: train it anew, or leave --stream out"
            )
        outcomes, records = pl.read_ipc(directory / _OUTCOMES), pl.read_ipc(directory / _RECORDS)
        columns = {
            name.removeprefix(_KEY): KeyColumn.of(outcomes[name].to_list())
            for name in outcomes.columns
            if name.startswith(_KEY)
        }
        earlier: dict[str, dict[str, bytes]] = {}
        for space, key, record in records.iter_rows():
            earlier.setdefault(space, {})[key] = record
        return cls(
            Impressions(columns, len(outcomes)),
            outcomes["time_ms"].to_numpy(),
            outcomes["clicked"].to_numpy(),
            earlier,
        )


def _values(column: KeyColumn) -> pl.Series:
    """A text per impression, or a list of them."""
    texts: Sequence[Any] = [column.names[code] for code in column.codes.tolist()]
    if column.single:
        return pl.Series(texts, dtype=pl.String)
    starts = np.searchsorted(column.rows, np.arange(column.size + 1)).tolist()
    lists = [texts[start:stop] for start, stop in pairwise(starts)]
    return pl.Series(lists, dtype=pl.List(pl.String))
