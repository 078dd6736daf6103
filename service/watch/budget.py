"""How much of the traffic is looked at: a rate per second comes in, a share of what is asked for goes out.

`service.watch.features` and `service.watch.promises` ask it for every batch, on the thread that answers requests.
"""

import math
import time

_PORTION_S = 1.0
"""An empty bucket stays shut for so long: a second's worth that is counted at once costs a fraction of as many by themselves."""


class Budget:
    """A bucket that fills with time: quiet services are looked at in full, busy ones at a steady rate, in portions.

    Args:
        per_s: What comes in per second; 0 grants nothing.
        burst_s: So many seconds' worth it holds.
    """

    def __init__(self, per_s: float, burst_s: float = 10.0) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s * burst_s)
        self._held = self._most
        self._portion_s = min(_PORTION_S, burst_s)
        self._at_s = time.monotonic()
        # Nothing can be granted before; asked first, because a busy service asks in vain nearly always.
        self._empty_until_s = 0.0 if per_s else math.inf

    def grant(self, wanted: int) -> int:
        """How many of those that are wanted may be had now."""
        now = time.monotonic()
        if now < self._empty_until_s:
            return 0
        held = min(self._most, self._held + (now - self._at_s) * self._per_s)
        granted = min(wanted, int(held))
        self._at_s, self._held = now, held - granted
        if self._held < 1:
            self._empty_until_s = now + max(self._portion_s, (1 - self._held) / self._per_s)
        return granted
