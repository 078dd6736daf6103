"""Logits learned on downsampled non-clicks come in, logits on the full log go out; calibration comes after it."""

import math

from training.metrics import Float64Array


def undo_downsampling(logits: Float64Array, keep_rate: float) -> Float64Array:
    """Turn logits learned on downsampled non-clicks back into logits on the full log.

    Keeping a share w of the non-clicks divides the odds' denominator by 1 / w: ``logit + log(w)`` is the logit of
    ``p / (p + (1 - p) / w)``.

    Args:
        logits: Of a network trained on the downsampled log, shape ``(n,)``; the export passes a tensor.
        keep_rate: Share of non-clicks kept for training, in (0, 1].

    Returns:
        Logits on the full log, shape ``(n,)``; their order is kept, and with ``keep_rate`` 1 their every bit.

    Raises:
        ValueError: If ``keep_rate`` is outside (0, 1].

    Source:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section 6.3.
    """
    if not 0.0 < keep_rate <= 1.0:
        raise ValueError(f"expected keep_rate in (0, 1], got {keep_rate}: it is the share of non-clicks kept")
    return logits + math.log(keep_rate)
