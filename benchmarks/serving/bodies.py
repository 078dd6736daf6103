"""The requests of the benchmark: a world comes in, files with one prepared JSON body per line go out.

Every server gets the same files; `closed_loop` and `open_loop` walk through them from the first to the last and again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.serving.worlds import Features, World

K = 10
"""How many of the candidates a rank request wants."""


@dataclass(frozen=True)
class Shape:
    """A kind of request.

    Attributes:
        candidates: Per request; one with all its features is a score request of one row.
        by_id: Users and items by their ids alone, for a server with a catalog.
        bodies: How many different ones are prepared.
    """

    name: str
    candidates: int
    bodies: int
    by_id: bool = False

    @property
    def ranks(self) -> bool:
        return self.candidates > 1 or self.by_id


S1 = Shape("S1", 1, 2_000)
S2 = Shape("S2", 100, 300)
S3 = Shape("S3", 1_000, 60)
S1_ID = Shape("S1 by id", 1, 2_000, by_id=True)
S2_ID = Shape("S2 by id", 100, 300, by_id=True)
S3_ID = Shape("S3 by id", 1_000, 60, by_id=True)
SHAPES = (S1, S2, S3, S1_ID, S2_ID, S3_ID)

SEED = 2026


def write_bodies(world: World, shape: Shape, directory: Path) -> Path:
    """The file of a shape; the requests with full features and those by id ask about the same pairs."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{world.version.name} {shape.name}.jsonl".replace(" ", "-")
    path.write_bytes(b"\n".join(bodies(world, shape)))
    return path


def bodies(world: World, shape: Shape) -> Iterator[bytes]:
    """One body after the other: real moments of real users, and items drawn for them, all of one request different."""
    rng = np.random.default_rng([SEED, shape.candidates])
    ids = list(world.items)
    for _ in range(shape.bodies):
        moment = int(rng.integers(len(world.contexts)))
        user, context = world.users[world.moments[moment]], world.contexts[moment]
        chosen = [ids[place] for place in rng.choice(len(ids), size=shape.candidates, replace=False)]
        yield orjson.dumps(
            _rank(world, shape, user, context, chosen)
            if shape.ranks
            else _score(world, user, context, chosen[0])
        )


def _score(world: World, user: Features, context: Features, chosen: str) -> dict[str, Any]:
    item = {world.item_key: chosen, **world.items[chosen]}
    return {"rows": [{"user": user, "item": item, "context": context}]}


def _rank(world: World, shape: Shape, user: Features, context: Features, chosen: list[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"user": _user(world, shape, user), "context": context, "k": K}
    items = chosen if shape.by_id else [{"id": one, "features": world.items[one]} for one in chosen]
    return {**asked, "candidates": items}


def _user(world: World, shape: Shape, user: Features) -> Any:
    if shape.by_id:
        return user[world.user_key]
    return {
        "id": user[world.user_key],
        "features": {name: value for name, value in user.items() if name != world.user_key},
    }
