"""Feeds the history of a world for as long as it lives."""

from pathlib import Path

from registry.local import LocalRegistry
from tests.history.replays import TEST_MS
from tests.training.remembering.world import END_MS, LATER_MS, MINUTE_MS, PATIENCE, task
from training.remembering import Remembering, Sources


def feed(directory: str, store: str) -> None:
    """Look every two minutes of the world's time, from its beginning to its end."""
    sources = Sources(store, f"file:{directory}/journals", LocalRegistry(Path(directory, "models")))
    remembering = Remembering(task(), sources, PATIENCE)
    for moment in [*range(TEST_MS, END_MS, 2 * MINUTE_MS), LATER_MS]:
        remembering.step(moment)
    remembering.close()
