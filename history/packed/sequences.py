"""Sequences of many keys at once: places come in, padded lists of codes go out, equal to those of `history.recent`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.coded_texts import CodedTexts
from features.spec import Recent
from history.columns import Int64Array
from history.packed.coded import Coded, Int32Array
from history.packed.keys import KeyIndex

PADDING = ""
"""What the graph takes for no token."""


@dataclass(frozen=True)
class PackedSequences:
    """One feature.

    Attributes:
        feature: What it collects.
        index: Where the sequence of a key begins.
        starts: By place where its items begin, and one more: shape ``(places + 1,)``. The first place has none.
        items: Codes of the items of every key, newest first.
        texts: The items' texts by code; the first is `PADDING`.
    """

    feature: Recent
    index: KeyIndex
    starts: Int64Array
    items: Int32Array
    texts: NDArray[np.object_]

    def answer(self, coded: Mapping[str, Coded], size: int) -> CodedTexts:
        """The texts of each impression, newest first."""
        places = self.index.places([coded[name].codes for name in self.feature.of])
        starts = self.starts[places]
        lengths = np.minimum(self.starts[places + 1] - starts, self.feature.max_length)
        along = np.arange(lengths.max(initial=0))
        inside = along < lengths[:, np.newaxis]
        padded = np.zeros(inside.shape, np.int32)
        padded[inside] = self.items[(starts[:, np.newaxis] + along)[inside]]
        return CodedTexts(padded if len(padded) == size else np.repeat(padded, size, axis=0), self.texts)
