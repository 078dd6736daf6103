"""Writes a draft down as an annotated task file.

A `Draft` comes in; the text of an axon.yaml goes out to `training.init`, which checks it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from features.spec import Side
from training.init.choice import Choice
from training.init.defaults import FEWEST_TO_JUDGE, model_for, training_for
from training.init.plan import Draft
from training.init.reading import Question

_WIDTH = 78
_BAD_ROWS = 0.01


def written(draft: Draft, question: Question, *, name: str, folder: Path) -> str:
    """The text of the task file.

    Args:
        draft: The decisions.
        question: Names the files.
        name: Of the model.
        folder: Where the task file will be.
    """
    rows, clicks = draft.seen.glimpse.rows, draft.seen.clicks
    parts = [
        _head(draft, question),
        [_line(0, {"name": name})],
        ["data:", *_data(draft, question, folder)],
        ["features:", *_features(draft)],
        *([["history:", *_history(draft)]] if draft.history else []),
        ["model:", *_lines(2, model_for(rows, draft.ids))],
        [
            "training:",
            *_lines(2, training_for(rows, draft.ids, clicks)),
            _line(
                2,
                {"refit": True},
                "once all is chosen and judged, what is exported learns from the whole log",
            ),
        ],
        ["split:", *_split(draft)],
        ["gate:", *_gate(draft)],
        ["report:", _line(2, {"segments": list(draft.segments)}, "figures are repeated by its values")],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(draft: Draft, question: Question) -> list[str]:
    glimpse, label = draft.seen.glimpse, draft.seen.label
    return [
        f"# {question.log.name}: {glimpse.rows:,} impressions, {label.rate:.3%} of them clicked.",
        f"# Written by axon init after a look at {glimpse.kept:,} impressions spread over the log; counts of distinct",
        "# values are of the whole log, shares of missing ones of the impressions looked at. Edit what you know better.",
    ]


def _data(draft: Draft, question: Question, folder: Path) -> Iterator[str]:  # noqa: C901  # one line per key
    data, label, root = draft.seen.data, draft.seen.label, question.root
    yield _line(2, {"root": _relative(root, folder)})
    yield _line(2, {"log": _relative(question.log.absolute(), root)})
    for side, path in question.tables().items():
        table = {"path": _relative(path.absolute(), root), "key": draft.seen.keys[side]}
        yield _line(2, {f"{side}s": table}, "joined to the log by its key")
    yield _line(2, {"label": label.column}, f"clicked in {label.rate:.3%} of the rows; values: {label.why}")
    if label.positive:
        yield _line(2, {"positive": list(label.positive)}, "means a click; every other value means none")
    yield _time(draft)
    for side, use in ((Side.USER, "figures per user (GAUC)"), (Side.ITEM, "figures of seen and unseen ones")):
        key = draft.keys.get(side)
        if key is not None and side not in draft.seen.keys:
            yield _line(2, {f"{side}_key": key.name}, f"{key.distinct:,} {side}s; for {use}")
    if data.separator is not None:
        yield _line(2, {"separator": data.separator})
    if data.decimal == ",":
        yield _line(
            2, {"decimal": data.decimal}, "the numbers of this file have a comma before their fraction"
        )
    if data.rename:
        yield _line(2, {"rename": dict(data.rename)}, "names that an input of a model can have")
    if len(data.missing_values) > 1:
        yield _line(2, {"missing_values": list(data.missing_values)}, "cells that mean missing")
    unusable = label.missing + (0.0 if draft.time is None else draft.time.column.missing)
    if unusable > _BAD_ROWS / 2:
        limit = round(min(1.0, 1.5 * unusable + _BAD_ROWS), 3)
        yield _line(2, {"max_bad_rows": limit}, f"{unusable:.1%} of the rows lack a label or a time")


def _time(draft: Draft) -> str:
    if draft.time is None:
        return _line(2, {"time": None}, "no usable time column: the order of the rows is the order of time")
    guess = draft.time
    entry: dict[str, Any] = {"column": guess.column.name}
    if guess.format != "auto":
        entry["format"] = guess.format
    order = "in order" if guess.in_order > 0.999 else "not in order"
    return _line(
        2, {"time": entry}, f"{guess.days:.1f} days, rows {order}; times without a zone are read as UTC"
    )


def _features(draft: Draft) -> Iterator[str]:
    for side in Side:
        chosen = [choice for choice in draft.choices if choice.features and choice.side is side]
        if chosen:
            yield f"  {side}:"
            for choice in chosen:
                yield from _entries(choice)
    if draft.history:
        yield "  history:"
        yield from (f"    - {_flow(entry)}" for entry in draft.history)
    formats = _formats(draft)
    if formats:
        yield "  time_columns:"
        yield from _lines(4, formats)
    dropped = [choice for choice in draft.choices if choice.kind == "left out"]
    if dropped:
        yield "  # left out:"
        yield from (f"  #   {_shown(choice.column)}: {_shown(choice.note)}" for choice in dropped)


def _history(draft: Draft) -> Iterator[str]:
    yield "  # Impressions and clicks of each of these, counted before every impression and never after it. A version that"
    yield "  # scores files knows the counts of its training log: training sees states of up to that age. Where the service"
    yield "  # is told the clicks, or with axon score --stream, set 0s."
    unit = "" if draft.time else "there is no clock: a row is a millisecond; "
    yield _line(2, {"stale": draft.stale}, f"{unit}about as long as the held-out slices")


def _entries(choice: Choice) -> Iterator[str]:
    facts = f"{choice.distinct:,} distinct, {choice.missing:.1%} missing; {choice.note}"
    for number, entry in enumerate(choice.features):
        yield _commented(f"    - {_flow(entry)}", facts if number == 0 else "the same column")


def _formats(draft: Draft) -> dict[str, Any]:
    """How the times that features read are written, where that must be said."""
    times = {time.column.name: time for time in draft.times}
    read = {entry.get(key) for choice in draft.choices for entry in choice.features
            if entry["kind"] in {"time_part", "age"} for key in ("column", "at")}  # fmt: skip
    return {
        name: {"format": guess.format}
        for name, guess in times.items()
        if name in read and guess.format != "auto"
    }


def _split(draft: Draft) -> Iterator[str]:
    cuts = draft.cuts
    yield _line(2, {"validation_from": cuts.validation_from}, "shares of the impressions: the past trains,")
    late = "the future judges" if cuts.test_from else "too few clicks for a slice that only judges"
    yield _line(2, {"test_from": cuts.test_from}, late)


def _gate(draft: Draft) -> Iterator[str]:
    held_out = 1.0 - (draft.cuts.test_from or draft.cuts.validation_from)
    clicks, rows = draft.seen.clicks, draft.seen.glimpse.rows
    judged = round(held_out * min(clicks, rows - clicks))
    if judged >= FEWEST_TO_JUDGE:
        yield _line(
            2, {"beat": ["prior"]}, "published if its log loss is below that of the constant click rate"
        )
    else:
        yield _line(
            2, {"beat": []}, f"the held-out slice has about {judged} clicks, by which chance would decide"
        )
    yield _line(2, {"max_calibration_error": None}, "set 0.2, say, once you know what to expect")


def _lines(indent: int, document: Mapping[str, Any]) -> list[str]:
    return [_line(indent, {key: value}) for key, value in document.items()]


def _line(indent: int, entry: Mapping[str, Any], comment: str = "") -> str:
    return _commented(" " * indent + _flow(entry)[1:-1], comment)


def _commented(text: str, comment: str) -> str:
    return f"{text:<{_WIDTH}}  # {_shown(comment)}" if comment else text


def _flow(entry: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(
        dict(entry), default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text.strip()


def _shown(text: str) -> str:
    return " ".join(text.split())


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
