"""A model in memory, ready to answer: `service.models.loader` makes it, `service.scoring.scorer` asks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.fitted import FittedSpec
from registry.manifest import Manifest
from registry.version import Version
from service.models.states import States
from service.past.filling import Pasts
from service.past.past import Past
from service.scoring.rows import Columns, RowReader

if TYPE_CHECKING:
    from service.ranking.ranker import Ranker

Probabilities = NDArray[np.float32]
Answers = Mapping[str, Probabilities]
"""``probability`` of each row, shape ``(n,)``, and ``probability_<target>`` where a model has several targets."""


Arrays = Mapping[str, Any]
"""One array per raw column, as `features.raw.to_array` makes them; lists of texts may be `CodedTexts`."""


class Runtime(Protocol):
    """What computes; every sibling may raise `ScoringError`."""

    def probabilities(self, arrays: Arrays) -> Answers:
        """The probabilities of each row, all in one go; one array per raw input of the spec."""

    def user_states(self, arrays: Arrays) -> States:
        """The states of users, from the raw columns of the user half."""

    def item_states(self, arrays: Arrays) -> States:
        """The states of items, from the raw columns of the item half."""

    def joint(self, users: States, of_user: NDArray[np.int32], items: States, arrays: Arrays) -> Answers:
        """The probabilities of candidates, from kept states.

        Args:
            users: Of ``m`` users.
            of_user: Which of them each candidate is for, shape ``(n,)``.
            items: Of the candidates, ``n`` of them.
            arrays: The raw columns of the joint half, each ``(n,)`` or ``(n, longest)``.
        """


@dataclass(frozen=True)
class LiveModel:
    """One version, loaded: what it takes, what it remembers (None where it does not look back), and what computes it.

    Where it was told of a store, its past is one of two: the store's once somebody has filled that, the snapshot's till then.
    The ranker, which has the catalog's items as this version sees them, comes last: it is made of all the rest.
    """

    origin: Version
    manifest: Manifest
    fitted: FittedSpec
    runtime: Runtime
    past: Past | None = None
    pasts: Pasts | None = None
    ranker: "Ranker | None" = None
    reader: RowReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", RowReader(self.fitted.spec, self.manifest.impression_time))

    @property
    def ranking(self) -> "Ranker":
        """The ranker, which every model has by the time that it answers."""
        assert self.ranker is not None  # noqa: S101
        return self.ranker

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def version(self) -> int:
        return self.origin.number

    @property
    def waits(self) -> bool:
        """Whether its own snapshot answers in the place of a store that nobody has filled yet."""
        return self.pasts is not None and self.past is self.pasts.snapshot

    def looked_again(self) -> "LiveModel":
        """The same with its other past, if that is the one to ask now; else itself.

        Raises:
            StoreError: If the store cannot be read.
        """
        past = self.past if self.pasts is None else self.pasts.now()
        if past is self.past:
            return self
        other = replace(self, past=past, ranker=None)
        return other if self.ranker is None else replace(other, ranker=self.ranker.of(other))

    def predict(self, columns: Columns) -> Answers:
        """The probabilities of each row, each in [0, 1] unless the model is broken.

        Raises:
            HistoryUnavailableError: If what happened before cannot be looked up.
            ScoringError: If the model cannot compute.
        """
        arrays = columns.arrays if self.past is None else self.past.filled(columns)
        return self.runtime.probabilities(arrays)
