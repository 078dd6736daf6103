"""What happened to a model's aliases: lines of a trail come in, `Move` objects and what follows from them go out.

`registry.aliases` and `registry.remote` keep the trail, each in its way; `registry.registry` decides with what is here.
The order of moves is that of the trail, never that of their times: a clock may jump back.
"""

import getpass
import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from features.document import Document


class Action(StrEnum):
    """Why an alias moved."""

    PUBLISH = "publish"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    DEMOTE = "demote"
    PRUNE = "prune"
    REPAIR = "repair"


class Move(Document):
    """One line of the trail: an alias means another version now; or, without an alias, a version was removed."""

    model_config = ConfigDict(populate_by_name=True)

    time: AwareDatetime = Field(
        description="what the clock of the machine said; tells nothing about the order"
    )
    action: Action
    who: str = Field(description="user@host and the process")
    alias: str | None = Field(default=None, description="which moved; none where a version was removed")
    before: int | None = Field(
        default=None, alias="from", description="version it meant before, or that was removed"
    )
    after: int | None = Field(
        default=None, alias="to", description="version it means now; none if it is gone"
    )
    reason: str = Field(default="", description="as the person or the program gave it")

    @classmethod
    def made(
        cls, action: Action, alias: str | None, before: int | None, after: int | None, reason: str = ""
    ) -> "Move":
        """A move that this process makes now."""
        return cls(
            time=datetime.now(UTC),
            action=action,
            who=who(),
            alias=alias,
            before=before,
            after=after,
            reason=reason,
        )

    def line(self) -> bytes:
        """As it stands in the trail."""
        return self.model_dump_json(by_alias=True).encode() + b"\n"


@dataclass(frozen=True)
class State:
    """Where a model's aliases stand, and how they came there."""

    aliases: Mapping[str, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()

    def removed(self) -> set[int]:
        """Versions that were pruned."""
        return {move.before for move in self.moves if move.action is Action.PRUNE and move.before is not None}

    def earlier(self, alias: str, existing: Collection[int]) -> int | None:
        """The version that the alias meant before the one it means now, of those that existed and were not pruned since.

        A rollback takes the move back that it undoes: after 1, 2, 3 and a rollback to 2, the one before is 1.
        """
        stack: list[int] = []
        for move in self.moves:
            if move.alias == alias:
                _follow(stack, move)
        gone = {self.aliases.get(alias), *self.removed()}
        return next((number for number in reversed(stack) if number in existing and number not in gone), None)


def _follow(stack: list[int], move: Move) -> None:
    """Bring the versions that an alias meant, oldest first, up to date with one more move."""
    if not stack and move.before is not None:
        stack.append(move.before)
    if move.after is None:
        return
    if move.action in {Action.ROLLBACK, Action.REPAIR} and move.after in stack:
        while stack[-1] != move.after:
            stack.pop()
    else:
        stack.append(move.after)


_MOVES = TypeAdapter(list[Move])


def as_documents(moves: Iterable[Move]) -> list[dict[str, object]]:
    """The moves as JSON documents, with the keys of the trail."""
    documents: list[dict[str, object]] = _MOVES.dump_python(list(moves), mode="json", by_alias=True)
    return documents


def aliases_after(moves: Iterable[Move]) -> dict[str, int]:
    """Version numbers by alias after all these moves."""
    aliases: dict[str, int] = {}
    for move in moves:
        if move.alias is None:
            continue
        if move.after is None:
            aliases.pop(move.alias, None)
        else:
            aliases[move.alias] = move.after
    return aliases


def repairs(aliases: Mapping[str, int], moves: Sequence[Move]) -> list[Move]:
    """The lines that are missing for the trail to end where the aliases stand.

    None, unless somebody died between writing the line and moving the alias, or edited the aliases by hand.
    """
    told = aliases_after(moves)
    why = "the move in the line before did not happen" if moves else "stood so before the trail began"
    return [
        Move.made(
            Action.REPAIR, alias, told.get(alias), aliases.get(alias), f"{why}, or the aliases were edited"
        )
        for alias in sorted({*told, *aliases})
        if told.get(alias) != aliases.get(alias)
    ]


def who() -> str:
    """This process, as the trail names it: user, host and process id."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} {os.getpid()}"
