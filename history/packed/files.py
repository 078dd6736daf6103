"""The files of a packed history: arrays and texts go out to `history.packed.pack` and come back to `history.packed.packed`.

``tokens.json`` has the texts of every key column; the other files begin with the name of their feature.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.spec import Activity, Recent
from history.columns import Int64Array
from history.counters import Counters, Float64Array
from history.errors import StoreError
from history.packed.coded import Int32Array


@dataclass(frozen=True)
class Files:
    """A directory; every method may raise `StoreError`."""

    directory: Path

    def write_tokens(self, tokens: Mapping[str, Sequence[str]]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps({column: list(names) for column, names in tokens.items()})
        (self.directory / "tokens.json").write_text(text, encoding="utf-8")

    def write(self, feature: Activity | Recent, **arrays: NDArray[Any]) -> None:
        """Arrays of a feature, by what they are."""
        for what, array in arrays.items():
            np.save(self._path(feature, what), array, allow_pickle=False)

    def tokens(self) -> dict[str, list[str]]:
        """The texts of every key column, in the order of their codes."""
        path = self.directory / "tokens.json"
        try:
            tokens: dict[str, list[str]] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"expected the tokens of a packed history at {path}: {error}") from error
        return tokens

    def levels(self, feature: Activity | Recent) -> tuple[Int64Array, ...]:
        """What `KeyIndex` searches, by further column."""
        return tuple(self._array(feature, f"keys{place}", np.int64) for place in range(1, len(feature.of)))

    def records(self, feature: Activity) -> Float64Array:
        """The records, by place."""
        records: Float64Array = self._array(feature, "records", np.float64)
        width = Counters(feature).width
        if records.ndim != 2 or records.shape[1] != width:
            raise StoreError(
                f"expected records of {width} numbers for history {feature.name!r}, got {records.shape[1:]}: the history "
                "was packed with other half_lives; train the version anew"
            )
        return records

    def sequences(self, feature: Recent) -> tuple[Int64Array, Int32Array]:
        """Where the items of each key begin, by place, and the items."""
        return self._array(feature, "starts", np.int64), self._array(feature, "items", np.int32)

    def _array(self, feature: Activity | Recent, what: str, dtype: type[np.generic]) -> NDArray[Any]:
        path = self._path(feature, what)
        try:
            # The plain class: a memmap costs a microsecond more at every touch.
            array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError) as error:
            raise StoreError(f"expected an array of history {feature.name!r} at {path}: {error}") from error
        if array.dtype != dtype:
            raise StoreError(f"expected {np.dtype(dtype)} in {path}, got {array.dtype}")
        return array

    def _path(self, feature: Activity | Recent, what: str) -> Path:
        return self.directory / f"{feature.name}.{what}.npy"
