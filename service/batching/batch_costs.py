"""How long batches take: what each took comes in, what one of a size should take goes out. `service.batching.engine` asks it before it decides."""

_NEW = 0.1
"""Share of the newest batch in the mean of its size."""


class BatchCosts:
    """Mean seconds per request, by the size of the batch: what a batch costs once is shared by all its requests.

    Args:
        largest: Most requests of one batch.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        # By the number of bits of the size: batches of similar size share a mean.
        self._each_s: list[float | None] = [None] * (largest.bit_length() + 1)

    def took(self, size: int, seconds: float) -> None:
        """A batch of so many requests is done."""
        bits, each_s = size.bit_length(), seconds / size
        known_s = self._each_s[bits]
        self._each_s[bits] = each_s if known_s is None else known_s + _NEW * (each_s - known_s)

    def expected_s(self, size: int, together: int | None = None) -> float | None:
        """Seconds that so many requests should take, in as few batches as can be; None before the first batch.

        A size that has not been seen is taken to cost each of its requests what the next smaller one did: rather too much.

        Args:
            size: Number of requests.
            together: Most of them that make one batch, at least 1; None for as many as any batch may have.
        """
        bits = min(size, self._largest if together is None else together).bit_length()
        each_s = self._each_s[bits]
        if each_s is None:
            seen = [one for one in (*reversed(self._each_s[:bits]), *self._each_s[bits:]) if one is not None]
            each_s = seen[0] if seen else None
        return None if each_s is None else each_s * size
