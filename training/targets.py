"""The targets of a task as the networks know them: their order, which comes only after which, and what each loss weighs.

`training.encoding.store` says which labels it holds, `training.models` builds a head for each, and training, calibration and the
export turn the heads' logits into those of all impressions here, by the same lines.
"""

from dataclasses import dataclass
from typing import Any, Self

from training.calibration.downsampling import undo_downsampling
from training.config import TaskConfig


@dataclass(frozen=True)
class Targets:
    """What a network predicts; the target of `data.label` stands first.

    Attributes:
        names: One per head.
        after: Place of the target without which it cannot happen, an earlier one; None where it may happen alone.
        weights: Of each target's loss; the first has 1.
    """

    names: tuple[str, ...] = ("click",)
    after: tuple[int | None, ...] = (None,)
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def of(cls, config: TaskConfig) -> Self:
        """The targets of a task file, which has been checked."""
        targets = config.all_targets()
        names = tuple(target.name for target in targets)
        return cls(
            names=names,
            after=tuple(None if target.after is None else names.index(target.after) for target in targets),
            weights=tuple(target.weight for target in targets),
        )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def several(self) -> bool:
        return len(self) > 1

    @property
    def further(self) -> tuple[str, ...]:
        """All but the first."""
        return self.names[1:]

    def on_the_full_log(self, ops: Any, logits: Any, keep_rate: float) -> Any:
        """The logits of all impressions of the full log, from those of a network that saw fewer non-clicks.

        What comes after the first target is untouched by leaving out impressions without it, so the correction is the
        first one's alone; where there are others, ``keep_rate`` is 1.

        Args:
            ops: `numpy` or `keras.ops`.
            logits: The network's, ``(n, targets)``.
            keep_rate: Share of non-clicks that it saw.
        """
        if not self.several:
            return undo_downsampling(logits, keep_rate)
        corrected = [undo_downsampling(logits[:, :1], keep_rate), logits[:, 1:]]
        return self.on_all_impressions(ops, ops.concatenate(corrected, axis=1))

    def on_all_impressions(self, ops: Any, logits: Any) -> Any:
        """The logit of each target in any impression, from logits given the target that it comes after.

        P(purchase) = P(click) P(purchase | click): both factors are learned from every impression, so that nothing is
        learned of purchases from clicked impressions alone, which are a biased choice.

        Args:
            ops: `numpy` or `keras.ops`.
            logits: ``(n, targets)``, or ``(n,)`` of a single target.

        Source:
            ESMM: Ma et al., "Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion
            Rate", SIGIR 2018.
        """
        if all(before is None for before in self.after):
            return logits
        whole: list[Any] = []
        for place, before in enumerate(self.after):
            own = logits[:, place]
            whole.append(own if before is None else logit_of_both(ops, whole[before], own))
        return ops.stack(whole, axis=1)

    def capped(self, ops: Any, calibrated: list[Any]) -> list[Any]:
        """Calibrated logits, none above that of the target that it comes after, each ``(n,)``.

        Every target has a curve of its own, and curves may cross where both probabilities are nearly one.
        """
        capped: list[Any] = []
        for logits, before in zip(calibrated, self.after, strict=True):
            capped.append(logits if before is None else ops.minimum(logits, capped[before]))
        return capped


PROBABILITY = "probability"
"""The output of the first target, and the column that scoring adds."""

PROBABILITY_OF = "probability_"
"""Before a target's name it is that target's output, where there are several; the first is ``probability`` too."""

CLICK = Targets()
"""One target, as most tasks have."""


def logit_of_both(ops: Any, first: Any, then: Any) -> Any:
    """The logit of the product of two probabilities that are given by their logits, all ``(n,)``.

    With odds against of u = exp(-first) and v = exp(-then), the odds against both are (1 + u)(1 + v) - 1 = u + v + uv;
    the largest is taken out first, so that nothing overflows.
    """
    logs = [-first, -then, -first - then]
    largest = ops.maximum(ops.maximum(logs[0], logs[1]), logs[2])
    return -(largest + ops.log(sum(ops.exp(log - largest) for log in logs)))
