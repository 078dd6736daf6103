"""Writes docs/configuration.md and docs/settings.md from the models that read them: ``python docs/make_configuration.py``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from features import spec
from service.settings import ServiceSettings
from training.config import TaskConfig
from training.config.reading import models_of

HERE = Path(__file__).parent
KINDS: tuple[type[BaseModel], ...] = (*get_args(spec.ColumnFeature), spec.Cross, spec.Activity, spec.Recent)


def task_file() -> str:
    """The page of the task file."""
    lines = [
        "# The task file",
        "",
        "Every key of `axon.yaml`. Unknown keys are refused, with the nearest known one named.",
        "A file may say `extends: other.yaml`, the name of a task file in its folder, and then only what differs: its words win, key by key.",
        "This page is written by `python docs/make_configuration.py`; a test compares the two.",
        "",
    ]
    for title, model in [("axon.yaml", TaskConfig), *_parts(TaskConfig, "")]:
        lines += _section(title, model)
    lines += [
        "## Kinds of features",
        "",
        "Each entry of `features.user`, `item` and `context` has a `kind`; a cross stands in `crosses`, `activity` and `recent` in `history`.",
        "",
    ]
    for kind in KINDS:
        lines += _section(f"kind: {kind.model_fields['kind'].default}", kind)
    return "\n".join(lines).rstrip() + "\n"


def settings() -> str:
    """The page of the service's settings."""
    prefix = ServiceSettings.model_config["env_prefix"]
    rows = [_row(f"{prefix}{name.upper()}", field) for name, field in ServiceSettings.model_fields.items()]
    lines = [
        "# The settings of the service",
        "",
        "Environment variables that `axon serve` reads, in the order of the code. Its options override them; an unknown one is not looked at, and values that make no sense are refused by name.",
        "This page is written by `python docs/make_configuration.py`; a test compares the two.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
        *(row.replace("| `null` |", "| none |").replace("| `` |", "| none |") for row in rows),
    ]
    return "\n".join(lines) + "\n"


PAGES = {"configuration.md": task_file, "settings.md": settings}


def _section(title: str, model: type[BaseModel]) -> list[str]:
    # The title of a feature's section is its kind already.
    hidden = "kind" if model in KINDS else None
    rows = [_row(name, field) for name, field in model.model_fields.items() if name != hidden]
    about = (model.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()
    return [f"### `{title}`", "", about, "", "| key | default | meaning |", "|---|---|---|", *rows, ""]


def _row(name: str, field: Any) -> str:
    default = "required" if field.is_required() else f"`{_shown(field)}`"
    choices = ", ".join(f"`{choice}`" for choice in _choices(field.annotation))
    meaning = ": ".join(filter(None, [choices, field.description or _about(field)]))
    return f"| `{name}` | {default} | {meaning.replace('|', '/')} |"


def _about(field: Any) -> str:
    """What a part that has no description of its own says of itself."""
    parts = [inner for inner in models_of(field.annotation) if inner not in KINDS]
    return (parts[0].__doc__ or "").split("\n\n")[0].replace("\n", " ").strip() if parts else ""


def _choices(annotation: Any) -> Iterator[str]:
    """The words that a key may have, where it may have no others."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)


def _shown(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        given = value.model_dump(exclude_defaults=True)
        return (
            "{" + ", ".join(f"{key}: {said}" for key, said in given.items()) + "}" if given else "see below"
        )
    if isinstance(value, tuple):
        return str(list(value))
    return "null" if value in (None, PydanticUndefined) else str(value)


def _parts(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for inner in models_of(field.annotation):
            if inner in KINDS:
                continue
            yield f"{prefix}{name}", inner
            yield from _parts(inner, f"{prefix}{name}.")


if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
