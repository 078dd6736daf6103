"""From decisions and feedback to a labelled log: journals come in, a file that ``axon train`` reads goes out."""

from training.join.joining import join
from training.join.labelling import Joined
from training.join.rules import JoinRules

__all__ = ["JoinRules", "Joined", "join"]
