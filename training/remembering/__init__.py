"""History that moves on by itself: decisions and feedback come in, the store that the service asks is fed with their outcomes."""

from training.remembering.loop import keep_remembering
from training.remembering.remembering import Remembered, Remembering, Sources

__all__ = ["Remembered", "Remembering", "Sources", "keep_remembering"]
