"""From decisions and feedback to a labelled log: journals come in, a file that ``axon train`` reads goes out."""

from training.join.joining import Joined, join
from training.join.rules import JoinRules

__all__ = ["JoinRules", "Joined", "join"]
