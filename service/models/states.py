"""What a network keeps of users or items: `service.models.live.Runtime` computes it, the catalog and `service.ranking.rank` keep it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class States:
    """The states of some users, or of some items, and their encoded ids.

    Attributes:
        numbers: Float32 ``(n, width)``; a half without features has one row that holds for all.
        ids: Encoded ids of the half, int32 ``(n, its id columns)``: crosses with the other half are made of them.
    """

    numbers: NDArray[np.float32]
    ids: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.int64]) -> "States":
        """Some of them, in the order asked for."""
        return States(np.take(self.numbers, rows, axis=0), np.take(self.ids, rows, axis=0))

    def repeated(self, size: int) -> "States":
        """As many as asked for, where one row holds for all."""
        if len(self) == size or len(self) != 1:
            return self
        return States(np.repeat(self.numbers, size, axis=0), np.repeat(self.ids, size, axis=0))

    @staticmethod
    def joined(parts: "list[States]") -> "States":
        """Several of them, one behind the other."""
        if len(parts) == 1:
            return parts[0]
        return States(
            np.concatenate([part.numbers for part in parts]), np.concatenate([part.ids for part in parts])
        )
