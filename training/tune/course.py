"""The course that every trial runs over: a task comes in, its log loss on the judging impressions goes out.

`training.tune.search` and `training.tune.confirm` call it; nothing is read or encoded here.
"""

import logging

import keras
import numpy as np
import tensorflow as tf

from training.config import TaskConfig
from training.encoding.encode import droppable_columns
from training.fitting.descent import FitStores, Watcher, fit_network
from training.judge import Judge
from training.log.split import Slice
from training.metrics import log_loss
from training.progress import Silent
from training.tune.inner import JUDGE, STOP, InnerSlices


class Course:
    """One set of encoded slices, the same for every trial.

    Args:
        task: The task file; its ``keep_rate`` and ``calibration`` hold for every trial.
        inner: What is trained, stopped and judged on.
    """

    def __init__(self, task: TaskConfig, inner: InnerSlices) -> None:
        self.inner = inner
        # Every trial is a new network with graphs of its own, which TensorFlow takes for a mistake.
        tf.get_logger().setLevel(logging.ERROR)
        self.judge = Judge(task, inner.slices, JUDGE)
        self._stores = FitStores(
            train=inner.slices.stores[Slice.TRAIN],
            validation=inner.slices.stores[STOP],
            droppable=droppable_columns(inner.encoder),
        )

    def run(self, task: TaskConfig, watcher: Watcher) -> float:
        """Log loss after calibration of one network that is trained as ``task`` says; an ensemble is not built.

        Raises:
            DivergedError: If the loss stops being finite.
            ConfigError: If the encoded columns lack what the task names.
        """
        try:
            model = fit_network(task.model, task.training, self._stores, Silent(), watcher)
            calibration = self.judge.calibrate(model).calibration
            logits = self.judge.logits(model, JUDGE)
            probabilities = self.judge.probabilities(calibration, logits, JUDGE)
            return log_loss(np.asarray(self.inner.slices.facts[JUDGE].clicked), probabilities)
        finally:
            # A search builds hundreds of networks in one process: their graphs go before the next one comes.
            keras.backend.clear_session()
