"""How long a journal remembers: an age and a size come in, the closed files that go beyond them are deleted.

`journal.files` calls it whenever a file is begun, `journal.redis` keeps a stream to the same limits.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """What may be forgotten, whether or not anybody has read it; None forgets nothing for that reason.

    Attributes:
        age_s: Seconds after which a record may be forgotten; a file has the age of its last record.
        size: Bytes of the journal beyond which the oldest records go.
    """

    age_s: float | None = None
    size: int | None = None


FOREVER = Retention()


def forget(closed: Sequence[Path], retention: Retention, now_s: float) -> list[Path]:
    """Delete the closed files of a journal that are too old or too much.

    Other writers and readers of the journal may be at work, and may delete the same.

    Args:
        closed: The oldest first; files that are written do not belong here.
        retention: The limits.
        now_s: Seconds since the epoch.

    Returns:
        Those that are gone.
    """
    gone, size = [], 0
    for path in reversed(closed):
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        size += state.st_size
        old = retention.age_s is not None and now_s - state.st_mtime > retention.age_s
        much = retention.size is not None and size > retention.size
        if old or much:
            path.unlink(missing_ok=True)
            gone.append(path)
            log.info("%s: forgotten, as %s", path, "it is old enough" if old else "newer files take the room")
    return gone
