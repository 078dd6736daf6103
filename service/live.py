"""A model in memory, ready to answer: `service.loader` makes it, `service.scorer` asks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.fitted import FittedSpec
from registry.manifest import Manifest
from registry.version import Version
from service.past import Past
from service.rows import Columns, RowReader

Probabilities = NDArray[np.float32]
Answers = Mapping[str, Probabilities]
"""``probability`` of each row, shape ``(n,)``, and ``probability_<target>`` where a model has several targets."""


class Runtime(Protocol):
    """What computes: TensorFlow today."""

    def probabilities(self, arrays: Mapping[str, NDArray[Any]]) -> Answers:
        """The probabilities of each row; one array per raw input of the spec."""


@dataclass(frozen=True)
class LiveModel:
    """One version, loaded: what it takes, what it remembers (None where it does not look back), and what computes it."""

    origin: Version
    manifest: Manifest
    fitted: FittedSpec
    runtime: Runtime
    past: Past | None = None
    reader: RowReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", RowReader(self.fitted.spec, self.manifest.impression_time))

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def version(self) -> int:
        return self.origin.number

    def predict(self, columns: Columns) -> Answers:
        """The probabilities of each row, each in [0, 1] unless the model is broken.

        Raises:
            HistoryUnavailableError: If what happened before cannot be looked up.
            ScoringError: If the model cannot compute.
        """
        arrays = columns.arrays if self.past is None else self.past.filled(columns)
        return self.runtime.probabilities(arrays)
