"""What can refuse a run.

TrainingError
├── ConfigError             the task file is not what it should be
├── DataError               the log or a table cannot be used
│   ├── DriftError          the log is no longer like the one that the champion learned from
│   ├── NothingJoinedError  no impression can be labelled yet
│   └── TooManyBadRowsError more unreadable rows than the task file allows
├── DivergedError           the loss stopped being a finite number
├── SkewError               the export does not answer what was trained, to the last bit
├── BusyError               another process is at the same work
├── OtherHistoryError       a live store of history was filled with other definitions
├── ConversionError         the network cannot be served without TensorFlow
├── GateClosedError         the model is not good enough to be published
└── MissingExtraError       a library that only some commands need is not installed
"""

from collections.abc import Sequence


class TrainingError(Exception):
    """Base of every error that refuses a run; its text says what was expected, what came and what to do."""


class ConfigError(TrainingError):
    """The task file is not what it should be."""


class DataError(TrainingError):
    """The log or a table cannot be used."""


class TooManyBadRowsError(DataError):
    """More rows were unreadable than the task file allows."""


class NothingJoinedError(DataError):
    """No decision has an impression that can be labelled yet."""


class DriftError(DataError):
    """The log is no longer like the one that the champion learned from."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("not trained: " + "; ".join(self.reasons))


class DivergedError(TrainingError):
    """The loss stopped being a finite number."""


class SkewError(TrainingError):
    """The export does not answer what was trained, to the last bit."""


class BusyError(TrainingError):
    """Another process is at the same work."""


class OtherHistoryError(TrainingError):
    """A live store of history was filled with other definitions than the champion's."""


class ConversionError(TrainingError):
    """The network cannot be served without TensorFlow; it is published for TensorFlow alone."""


class GateClosedError(TrainingError):
    """The model is not good enough to be published."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("not published: " + "; ".join(self.reasons))


class MissingExtraError(TrainingError):
    """A library that only some commands need is not installed."""
