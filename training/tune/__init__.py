"""``axon tune``: a task file comes in, its log is encoded once, many networks are tried, the best goes out as a task file.

`axon.commands.tune` calls `tune`. The search has a split of its own inside the training and validation slices
(`training.tune.inner`) and never meets the test slice.
"""

from training.errors import MissingExtraError

try:
    import optuna  # noqa: F401  # asked for here, before any file of this room needs it
except ModuleNotFoundError as missing:
    raise MissingExtraError(
        "axon tune: expected Optuna, found none: pip install 'axon-ctr[tune]'"
    ) from missing

from training.tune.limits import Limits
from training.tune.samplers import SAMPLERS
from training.tune.tuning import Tuned, Wish, tune
from training.tune.winner import refuse_unwritable, write_winner

__all__ = [
    "SAMPLERS",
    "Limits",
    "Tuned",
    "Wish",
    "refuse_unwritable",
    "tune",
    "write_winner",
]
