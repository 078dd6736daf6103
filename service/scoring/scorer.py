"""The heart of the service: rows and a live model come in, probabilities go out. It knows nothing of HTTP.

`service.routes.score` calls it for every request, and `service.models.loader` to warm a model up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.errors import ScoringError
from service.models.live import LiveModel, Probabilities


@dataclass(frozen=True)
class Scored:
    """The answer to one request.

    Attributes:
        probabilities: One per row, in their order, shape ``(n,)``, each in [0, 1].
        targets: The same as ``probability_<target>`` for every target of a model with several.
    """

    probabilities: Probabilities
    targets: dict[str, Probabilities]


def score(rows: Sequence[object], live: LiveModel) -> Scored:
    """The calibrated probability of a click, and of every other target, for every row, in order.

    Raises:
        RefusedRequestError: If a row is not what the model takes.
        HistoryUnavailableError: If what happened before cannot be looked up.
        ScoringError: If the model's answer is no probability.
    """
    columns = live.reader.read(rows)
    targets = dict(live.predict(columns))
    check(targets, len(rows), live, "row")
    return Scored(targets.pop("probability"), targets)


def check(targets: Mapping[str, Probabilities], size: int, live: LiveModel, of: str) -> None:
    """See to it that every target has as many as there are questions, each from 0 to 1.

    Raises:
        ScoringError: If not.
    """
    for probabilities in targets.values():
        if probabilities.shape != (size,):
            raise ScoringError(f"expected {size} probabilities, got an answer of shape {probabilities.shape}")
        # Written so that NaN, which compares as false, is caught too.
        if not np.all((probabilities >= 0) & (probabilities <= 1)):
            raise ScoringError(
                f"{live.origin} answered something that is no probability for a {of} of this request"
            )
