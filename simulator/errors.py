"""What can go wrong in the simulator; its files raise these and the command line tells them in one line.

SimulatorError
├── UnknownBlockError       the log has no such block
└── MismatchedTruthError    the truth does not belong to the log
"""


class SimulatorError(Exception):
    """Base of every error that the simulator raises."""


class UnknownBlockError(SimulatorError, ValueError):
    """A block is asked for that the log does not have."""


class MismatchedTruthError(SimulatorError, ValueError):
    """The truth has not one probability per impression of the log."""
