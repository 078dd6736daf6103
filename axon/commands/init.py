"""``axon init``: a task file for an unknown log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axon.options import Json, Quiet, screen

if TYPE_CHECKING:
    from training.init import Draft
    from training.init.label import LabelGuess


def init(
    log: Annotated[Path, typer.Argument(help="File or glob: one row per impression.", show_default=False)],
    label: Annotated[str, typer.Option(help="Column that says clicked or not.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The task file.")] = Path("axon.yaml"),
    positive: Annotated[
        list[str] | None, typer.Option(help="Value of the label that means a click; may be repeated.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="Table of users.")] = None,
    items: Annotated[Path | None, typer.Option(help="Table of items.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the model; that of the log by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a task file that is there.")] = False,
    rows: Annotated[
        int, typer.Option(min=100, help="Impressions to look at, spread over the log.")
    ] = 200_000,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at an unknown log and write a task file that trains without edits."""
    from training.init import Question, write_task

    out = screen(quiet=quiet, as_json=as_json)
    question = Question(log, label, tuple(positive or ()), users, items, rows)
    draft = write_task(question, output, name=name, force=force, progress=out.progress())
    columns = _columns(draft)
    out.table(
        str(log),
        ["column", "kind", "side", "distinct", "missing", "note"],
        [
            [
                row["column"],
                row["kind"],
                row["side"] or "-",
                f"{row['distinct']:,}",
                f"{row['missing']:.1%}",
                row["note"],
            ]
            for row in columns
        ],
    )
    found = draft.seen.label
    out.result(
        {
            "output": str(output),
            "impressions": draft.seen.glimpse.rows,
            "label": found.column,
            "positive": list(found.positive),
            "click_rate": found.rate,
            "time": None if draft.time is None else draft.time.column.name,
            "columns": columns,
        },
        [
            f"{draft.seen.glimpse.rows:,} impressions, {found.rate:.3%} clicked -> {output}",
            *_guess(found, asked=positive),
            f"next: axon train {output}",
        ],
    )


def _guess(found: "LabelGuess", *, asked: list[str] | None) -> list[str]:
    """What was taken for a click, where nobody said it."""
    if asked or not found.positive:
        return []
    return [f"a click is {found.column} = {found.positive[0]!r}, {found.why}; --positive names another value"]


def _columns(draft: "Draft") -> list[dict[str, Any]]:
    return [
        {
            "column": choice.column,
            "kind": choice.kind,
            "side": None if choice.side is None else str(choice.side),
            "distinct": choice.distinct,
            "missing": choice.missing,
            "note": choice.note,
        }
        for choice in draft.choices
    ]
