"""How the learning rate moves: pure functions of the step, asked by `training.fitting.descent` before every step."""

import math

from training.config import ScheduleConfig


def learning_rate_factor(schedule: ScheduleConfig, step: int, *, total_steps: int, epoch_steps: int) -> float:
    """Share of the full learning rate at a step, in [0, 1]; ``plateau`` is constant here and cut by `Plateau`.

    Args:
        schedule: Which schedule.
        step: Steps already made, from 0.
        total_steps: Steps of the whole run.
        epoch_steps: Steps of one epoch.

    Source:
        ``cosine`` and ``restarts``: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
        ``warmup``: Goyal et al., "Accurate, Large Minibatch SGD", 2017.
    """
    warmup_steps = schedule.warmup * total_steps
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    since = step - warmup_steps  # every schedule begins when the rate is full
    epoch_steps = max(1, epoch_steps)
    match schedule.name:
        case "exponential":
            return max(schedule.floor, float(schedule.decay ** (since / epoch_steps)))
        case "cosine":
            return _cosine(since / max(1.0, total_steps - warmup_steps), schedule.floor)
        case "restarts":
            return _cosine(since % epoch_steps / epoch_steps, schedule.floor)
        case _:
            return 1.0


class Plateau:
    """Cuts the learning rate whenever the validation log loss stops falling, down to the floor."""

    def __init__(self, schedule: ScheduleConfig) -> None:
        self.schedule = schedule
        self.factor = 1.0
        self._best = math.inf

    def update(self, validation_loss: float) -> None:
        if validation_loss < self._best:
            self._best = validation_loss
        elif self.schedule.name == "plateau":
            self.factor = max(self.schedule.floor, self.factor * self.schedule.decay)


def _cosine(progress: float, floor: float) -> float:
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
