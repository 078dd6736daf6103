"""Lists of texts as numbers: what is looked up in a table of texts anyway need not become texts in between.

`history.packed` answers with them; `features.encode_numpy` encodes every text of the table once and not once per use.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CodedTexts:
    """A multi-valued column, which stands for the array of texts that `texts` makes.

    Attributes:
        codes: Places in ``names``, shape ``(n, longest)``; 0 is padding.
        names: Every text once, shape ``(m,)``; the first is the empty text.
    """

    codes: NDArray[np.int32]
    names: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: NDArray[np.int64]) -> "CodedTexts":
        """The column of some of the impressions, in the order asked for."""
        return CodedTexts(self.codes[rows], self.names)

    def texts(self) -> NDArray[np.object_]:
        """The column as the graph takes it: texts ``(n, longest)``, padded with the empty one."""
        texts: NDArray[np.object_] = self.names[self.codes]
        return texts
