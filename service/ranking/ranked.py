"""What ranking comes to: `service.ranking.ranker` makes it, `service.ranking.rank` answers with it, and `service.decisions` notes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.catalog.table import ItemTable
from service.models.live import Probabilities
from service.ranking.resolver import Candidates
from service.ranking.sides import SideColumns

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Behind:
    """What a batch of questions was ranked with; `service.decisions` notes it, before the catalog changes.

    Attributes:
        askers: Raw columns of users and moments, one row per question.
        found: The candidates of every question.
        cold: Raw columns of those that the catalog lacks.
        items: The catalog's.
    """

    askers: Arrays
    found: Sequence[Candidates]
    cold: SideColumns
    items: ItemTable | None


@dataclass(frozen=True)
class Ranked:
    """The answer to one question, best first.

    Attributes:
        ids: Of the items.
        probabilities: Shape ``(k,)``, falling.
        targets: The same as ``probability_<target>`` for every target of a model with several, in the order of ``ids``.
        unknown: Ids that the catalog lacks and that were left out.
        scored: Probabilities of all candidates.
        best: Their places among the question's candidates, best first.
        place: Of the question in its batch.
        behind: What they were ranked with.
    """

    ids: list[str]
    probabilities: Probabilities
    targets: dict[str, Probabilities]
    unknown: list[str]
    scored: Probabilities
    best: NDArray[np.int64]
    place: int
    behind: Behind
