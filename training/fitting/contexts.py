"""Which impressions of a batch are ranked against each other: ids come in, context numbers for `ranking_loss` go out."""

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from training.encoding.store import Records
from training.errors import ConfigError


class Contexts:
    """Numbers the contexts of a batch: impressions with the same id in one column, or the whole batch.

    Args:
        layout: The columns of the impressions.
        key: Name of a single-valued id feature, such as the user's or the request's id; None for the whole batch.
        droppable: The number of OOV ids of each id column, where it is known, else 0 or less.

    Raises:
        ConfigError: If there is no such feature.
    """

    def __init__(self, layout: EncodedLayout, key: str | None, droppable: NDArray[np.int32]) -> None:
        self.column: int | None = None
        if key is not None:
            columns = {field.name: field.start for field in layout.ids if field.pooling is None}
            if key not in columns:
                raise ConfigError(
                    f"training.ranking_key: expected a single-valued id feature, one of {sorted(columns)}, got {key!r}"
                )
            self.column = columns[key]
            self._last_unknown = max(0, int(droppable[self.column]))

    def of(self, batch: Records) -> NDArray[np.int32]:
        """The context of every impression, numbers in [0, n), shape ``(n,)``."""
        if self.column is None:
            return np.zeros(len(batch), np.int32)
        ids = batch["ids"][:, self.column]
        # Missing and unknown values share ids but no context: each such impression is alone.
        alone = -1 - np.arange(len(ids))
        named = np.where(ids > self._last_unknown, ids, alone)
        return np.unique(named, return_inverse=True)[1].astype(np.int32)
