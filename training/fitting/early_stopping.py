"""Stops a fit that no longer gets better, and keeps the weights from when it was best."""

import math
from collections.abc import Callable
from typing import Any

from training.config import EarlyStoppingConfig


class EarlyStopping:
    """Watches the validation log loss."""

    def __init__(self, config: EarlyStoppingConfig) -> None:
        self.config = config
        self.best = math.inf
        self.best_weights: list[Any] = []
        self._waited = 0

    @property
    def stopped(self) -> bool:
        return self._waited >= self.config.patience

    def update(self, validation_loss: float, weights: Callable[[], list[Any]]) -> bool:
        """Keep the weights if the loss is the lowest so far, else lose a little patience; whether they were kept."""
        if validation_loss < self.best - self.config.min_delta or not self.best_weights:
            self.best, self.best_weights, self._waited = validation_loss, weights(), 0
            return True
        self._waited += 1
        return False
