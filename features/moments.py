"""Moments as whole milliseconds since the epoch, UTC, and back."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ms(moment: datetime) -> int:
    """The milliseconds from the epoch until a moment with a time zone; what is left of one does not count."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(ms: int) -> datetime:
    """The moment so many milliseconds after the epoch, UTC."""
    return _EPOCH + timedelta(milliseconds=ms)
