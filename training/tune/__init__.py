"""``axon tune``: a task file comes in, its log is encoded once, many networks are tried, the best goes out as a task file.

`axon.commands.tune` calls `tune`. The search has a split of its own inside the training and validation slices
(`training.tune.inner`) and never meets the test slice.
"""

from importlib.util import find_spec

from training.errors import MissingExtraError

if find_spec("optuna") is None:
    raise MissingExtraError("axon tune: expected Optuna, found none: pip install 'axon-ctr[tune]'")

from training.tune.limits import Limits  # noqa: E402  # Optuna first
from training.tune.samplers import SAMPLERS  # noqa: E402
from training.tune.tuning import Tuned, Wish, tune  # noqa: E402
from training.tune.winner import refuse_to_overwrite, write_winner  # noqa: E402

__all__ = ["SAMPLERS", "Limits", "Tuned", "Wish", "refuse_to_overwrite", "tune", "write_winner"]
