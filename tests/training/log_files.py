"""Builders for small logs and tables as real files; tests of reading use them."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.spec import FeatureSpec, RawInput, RawKind, Side
from training.config import DataConfig
from training.log.log_reader import LogChunk, read_log
from training.log.quarantine import Quarantine

LOG = "time_ms,user_id,item_id,device,clicked\n1000,u1,i1,ios,0\n2000,u2,i2,web,1\n3000,u1,i2,,0\n"
USERS = "user_id,gender,fans\nu1,f,10\nu2,m,\n"
ITEMS = "item_id,tags,up_ms\ni1,red;big,500\ni2,,900\n"


def write(path: Path, text: str) -> Path:
    """A text file, compressed where the name says so."""
    raw = text.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def make_data(**changes: Any) -> DataConfig:
    """A log.csv with users.csv and items.csv."""
    document: dict[str, Any] = {
        "log": "log.csv",
        "label": "clicked",
        "time": {"column": "time_ms"},
        "users": {"path": "users.csv", "key": "user_id"},
        "items": {"path": "items.csv", "key": "item_id"},
    }
    return DataConfig.model_validate({**document, **changes})


def log_only(**changes: Any) -> DataConfig:
    """A log.csv without tables."""
    return make_data(**{"users": None, "items": None, **changes})


def text(column: str, side: Side = Side.CONTEXT) -> RawInput:
    return RawInput(column=column, side=side, kind=RawKind.TEXT)


def number(column: str, side: Side = Side.CONTEXT) -> RawInput:
    return RawInput(column=column, side=side, kind=RawKind.NUMBER)


def time(column: str, side: Side = Side.CONTEXT) -> RawInput:
    return RawInput(column=column, side=side, kind=RawKind.TIME)


def texts(column: str, side: Side = Side.CONTEXT, separator: str | None = ";") -> RawInput:
    return RawInput(column=column, side=side, kind=RawKind.TEXTS, separator=separator)


def write_shop(root: Path) -> None:
    """A log of three impressions, two users and two items."""
    write(root / "log.csv", LOG)
    write(root / "users.csv", USERS)
    write(root / "items.csv", ITEMS)


def read(
    root: Path, raw_inputs: Sequence[RawInput], data: DataConfig | None = None, limit: float = 1.0, **how: Any
) -> list[LogChunk]:
    """All chunks of a log; unreadable rows go to ``quarantine.jsonl``."""
    with Quarantine(root / "quarantine.jsonl", limit) as quarantine:
        return list(read_log(data or make_data(), raw_inputs, root, quarantine=quarantine, **how))


def make_spec(**sides: Any) -> FeatureSpec:
    """A specification; by default of the device alone."""
    return FeatureSpec.model_validate(sides or {"context": [{"kind": "categorical", "name": "device"}]})
