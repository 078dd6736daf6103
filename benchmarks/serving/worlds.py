"""What is served in the benchmark: a task file and tables come in, a published version and its entities go out.

KuaiRand with the model that ranks fast. What shows whether a run is valid is in `reference`.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from features.raw import from_text
from features.spec import RawInput
from registry.local import LocalRegistry
from registry.reference import ModelRef
from registry.version import Version
from service.scoring.rows import request_inputs
from training.config import load_config

Features = dict[str, Any]
"""JSON values by column."""

RANK = Path("examples/kuairand/rank.yaml")


@dataclass(frozen=True)
class World:
    """A published version, and who and what its requests are about.

    Attributes:
        users: Their features; the user's id among them.
        items: Their features without the id, by id.
        contexts: One per moment; `moments` says whose it was.
        moments: Of each context, the place of its user in `users`.
        catalog: Files with the items and the users, for ``axon serve``.
    """

    version: Version
    registry: Path
    user_key: str
    item_key: str
    users: list[Features]
    items: dict[str, Features]
    contexts: list[Features]
    moments: list[int]
    catalog: tuple[Path, Path]


def kuairand(work: Path, data: Path | None) -> World:
    """The KuaiRand tables and the model of `RANK`, trained and published first if need be."""
    config = load_config(RANK)
    root = data or (RANK.parent / config.data.root).resolve()
    version = _published(work, RANK, config.name, root)
    inputs = {raw.column: raw for raw in _inputs(version)}
    users, items = _table(root / "users.csv"), _table(root / "videos.csv")
    log = _table(root / "impressions.csv").tail(20_000)
    places = {user: place for place, user in enumerate(users["user_id"])}
    log = log.filter(pl.col("user_id").is_in(list(places)))
    return World(
        version=version,
        registry=work / "models",
        user_key="user_id",
        item_key="video_id",
        users=_features(users, inputs),
        items=dict(zip(items["video_id"], _features(items.drop("video_id"), inputs), strict=True)),
        contexts=_features(log.drop("user_id", "video_id", "is_click"), inputs),
        moments=[places[user] for user in log["user_id"]],
        catalog=(root / "videos.csv", root / "users.csv"),
    )


def _published(work: Path, task: Path, name: str, root: Path) -> Version:
    """The champion of that name, trained by ``axon train`` if there is none."""
    registry = work / "models"
    if not (registry / name).is_dir():
        axon = Path(sys.executable).with_name("axon")
        directories = {"--data-root": root, "--registry": registry, "--runs": work / "runs"}
        options = [str(part) for option in directories.items() for part in option]
        subprocess.run([str(axon), "train", str(task), "--seed", "1", "--quiet", *options], check=True)
    return LocalRegistry(registry).resolve(ModelRef.parse(name))


def _inputs(version: Version) -> tuple[RawInput, ...]:
    return request_inputs(version.fitted_spec().spec, version.manifest().impression_time)


def _table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False).fill_null("")


def _features(table: pl.DataFrame, inputs: dict[str, RawInput]) -> list[Features]:
    """The rows of a table as JSON values; what is missing is left out, and so is what the model does not read."""
    known = table.select(column for column in table.columns if column in inputs)
    return [
        {name: from_text(inputs[name], cell) for name, cell in cells.items() if cell}
        for cells in known.iter_rows(named=True)
    ]
