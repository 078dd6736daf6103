"""The base of every part of a task file."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Frozen, and without room for keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
