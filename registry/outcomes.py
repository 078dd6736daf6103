"""How trainings of a model ended, published or not: an outcome comes in, a line or an object's name goes out, and back.

`training.retraining.retrain` has them noted beside the versions, where whoever serves the versions finds them:
`service.watch.gate` counts them. They are told apart from the trail of aliases, which moves only when something is published.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, ValidationError

from features.document import Document

ENDINGS = ("published", "refused", "drifted", "failed")
"""Those that are counted from 0 on; who trains may tell others."""

OUTCOMES = "outcomes"
"""A file of lines in a directory, a prefix of objects in an object store."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"


class Outcome(Document):
    """How one training ended."""

    at: AwareDatetime = Field(description="when it ended")
    ending: str = Field(pattern=r"^[a-z]{1,20}$", description="in one word; most are of `ENDINGS`")
    run: str = Field(default="", description="its directory")
    version: int | None = Field(default=None, ge=1, description="that was published")
    reasons: tuple[str, ...] = Field(default=(), description="against publishing it, or what went wrong")

    def line(self) -> bytes:
        """As it stands in a file."""
        return self.model_dump_json().encode() + b"\n"

    def object_name(self) -> str:
        """The name of its object, which alone says when and how it ended, so that counting reads no object."""
        return f"{self.at.astimezone(UTC):{_STAMP}}-{self.ending}-{secrets.token_hex(4)}.json"


class OutcomeKeeper(ABC):
    """What `registry.registry` asks of its siblings, so that outcomes stand beside the versions."""

    @abstractmethod
    def note_outcome(self, name: str, outcome: Outcome) -> None:
        """Keep how a training of the model ended; the model need not have a version yet.

        Raises:
            OSError: If the disc cannot take it.
            RegistryError: If the store cannot.
        """

    @abstractmethod
    def outcomes(self, name: str) -> Sequence[Outcome]:
        """How trainings of the model ended, oldest first; an object store tells when and how, and no more."""


def of_lines(content: bytes) -> Sequence[Outcome]:
    """The outcomes of a file; what follows the last newline was never whole, and a line of another kind is passed over."""
    return [one for line in content[: content.rfind(b"\n") + 1].splitlines() for one in _of_line(line)]


def of_names(names: Iterable[str]) -> Sequence[Outcome]:
    """The outcomes that objects stand for, without what only the objects say."""
    return [one for name in sorted(names) for one in _of_name(name)]


def _of_line(line: bytes) -> list[Outcome]:
    try:
        return [Outcome.model_validate_json(line)]
    except ValidationError:
        return []


def _of_name(name: str) -> list[Outcome]:
    stamp, _, rest = name.partition("-")
    ending = rest.partition("-")[0]
    try:
        at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        return [Outcome.model_validate({"at": at, "ending": ending})]
    except (ValueError, ValidationError):
        return []
