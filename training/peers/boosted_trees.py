"""LightGBM on the encoded stores of a run: what a practitioner would try first, judged like any family.

`training.peers.peers` fits it where the task asks for ``lightgbm``; it is never exported.
"""

import os
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from typing_extensions import override

from training.calibration import undo_downsampling
from training.config import TrainingConfig
from training.encoding.store import EncodedStore, Records
from training.errors import ConfigError
from training.metrics import SMALLEST_PROBABILITY, log_loss
from training.progress import Progress

MOST_TREES = 1000
PATIENCE = 50
"""Trees without an improvement on the validation slice before stopping."""

_READ_ROWS = 65_536


class BoostedTrees:
    """Fitted trees, with what the judge asks of a model."""

    parameters = None

    def __init__(self, booster: Any, seconds: float) -> None:
        self.booster = booster
        self.seconds = seconds

    @property
    def predictor(self) -> "BoostedTrees":
        """Trees predict for themselves."""
        return self

    @property
    def remark(self) -> str:
        """What is to be known of these figures."""
        return f"{self.booster.best_iteration} trees, library defaults, ids as native categories"

    def logits(self, store: EncodedStore) -> NDArray[np.float32]:
        """The trees' logits ``(rows,)`` in the order of the store."""
        parts = [self.booster.predict(_matrix(part), raw_score=True) for part in store.batches(_READ_ROWS)]
        return np.concatenate(parts).astype(np.float32)


def require_lightgbm() -> Any:
    """The library.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import lightgbm  # noqa: PLC0415  # an extra of developers, loaded where a task asks for it
    except ImportError as error:
        raise ConfigError(
            "report.compare names lightgbm, which is not installed: pip install lightgbm, or drop it"
        ) from error
    return lightgbm


def fit_trees(
    train: EncodedStore, validation: EncodedStore, config: TrainingConfig, progress: Progress
) -> BoostedTrees:
    """Boost trees with the library's defaults until the validation slice's log loss stops falling.

    Ids go in as integers declared categorical, values as they are; nothing else is tuned. The defaults for ids of many
    values hold: a split may single out at most ``max_cat_threshold`` (32) of them, after smoothing by ``cat_smooth``
    (10), and ids are never seen as more than a set: rare and unseen ones go to the other side.

    Raises:
        ConfigError: If LightGBM is not installed.

    Source:
        Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
    """
    lightgbm = require_lightgbm()
    started = time.monotonic()
    settings = {
        "objective": "binary",
        "metric": "None",
        "seed": config.seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        # Its threads wait by spinning: on a machine that does something else too, fewer are much faster.
        "num_threads": max(1, (os.cpu_count() or 1) // 2),
        "verbosity": -1,
    }
    ids = list(range(train.layout.id_width))
    data = lightgbm.Dataset(
        _sequence(lightgbm, train),
        np.array(train.mapped()["clicked"]),
        params=settings,
        categorical_feature=ids,
    )
    held_back = data.create_valid(
        _sequence(lightgbm, validation), np.array(validation.mapped()["clicked"]), params=settings
    )
    lightgbm.register_logger(_Quiet())
    with progress.stage("training lightgbm", unit="trees", total=MOST_TREES) as bar:
        booster = lightgbm.train(
            settings,
            data,
            MOST_TREES,
            valid_sets=[held_back],
            feval=_full_log_loss(config.keep_rate),
            callbacks=[
                lightgbm.early_stopping(PATIENCE, verbose=False),
                lambda _: bar.advance(),
            ],
        )
    return BoostedTrees(booster, seconds=time.monotonic() - started)


class _Quiet:
    """LightGBM warns of every large vocabulary; the report says what it does with them."""

    def info(self, message: str) -> None:
        """Says nothing."""

    def warning(self, message: str) -> None:
        """Says nothing."""


def _full_log_loss(keep_rate: float) -> Any:
    """The log loss that stops the boosting: on the full log, as for every network."""

    def measure(probabilities: NDArray[np.float64], data: Any) -> tuple[str, float, bool]:
        inside = np.clip(probabilities, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
        full = expit(undo_downsampling(logit(inside), keep_rate))
        return "log loss", log_loss(data.get_label(), full), False

    return measure


def _sequence(lightgbm: Any, store: EncodedStore) -> Any:
    """The store as LightGBM reads it: in batches, so that its rows never are in memory together."""
    records = store.mapped()

    class StoreSequence(lightgbm.Sequence):  # type: ignore[misc]  # the library is loaded on demand
        batch_size = _READ_ROWS

        @override
        def __len__(self) -> int:
            return len(records)

        @override
        def __getitem__(self, place: Any) -> NDArray[np.float64]:
            if isinstance(place, slice | list):
                return _matrix(records[place])
            row: NDArray[np.float64] = _matrix(records[int(place) : int(place) + 1])[0]
            return row

    return StoreSequence()


def _matrix(records: Records) -> NDArray[np.float64]:
    """Ids and values side by side, ``(n, id_width + value_width)``; every id is exact in a float64."""
    columns = [records["ids"].astype(np.float64), records["values"].astype(np.float64)]
    matrix: NDArray[np.float64] = np.concatenate(columns, axis=1)
    return matrix
