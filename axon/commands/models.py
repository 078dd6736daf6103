"""``axon models``, ``publish``, ``promote``, ``demote``, ``rollback`` and ``prune``: what the registry holds, and who serves."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axon.console import Screen
from axon.options import REGISTRY, Json, Quiet, Registry, screen

if TYPE_CHECKING:
    from registry.registry import Registry as Shelf
    from registry.summary import VersionSummary

_HEADER = [
    "model",
    "version",
    "aliases",
    "age",
    "data from",
    "data to",
    "log loss",
    "AUC",
    "GAUC",
    "ECE",
    "family",
    "MB",
]

Name = Annotated[str, typer.Argument(help="Name of the model.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for the trail of the aliases.")]
NO_ALIAS = "none"
"""Given as an alias, moves none."""


def models(
    name: Annotated[str | None, typer.Argument(help="Only this model.", show_default=False)] = None,
    trail: Annotated[
        bool, typer.Option("--trail", help="Show how the aliases of NAME moved instead.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read every file, and stop at the first that is not as it was published, or at an alias of no version.",
        ),
    ] = False,
    url: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask this running service what it serves; may be given several times. Its key is AXON_API_KEY.",
            show_default=False,
        ),
    ] = None,
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """List the published versions and, with --url, who serves them; or how their aliases moved."""
    from axon.services import served_by
    from registry.opening import open_registry
    from registry.summary import summaries

    out, shelf = screen(quiet=quiet, as_json=as_json), open_registry(registry)
    if trail:
        _trail(shelf, name or shelf.only().name, out)
        return
    named = [name] if name else shelf.names()
    if check:
        _verify(shelf, named)
    rows = [row for model in named for row in summaries(shelf, model)]
    now = datetime.now(UTC)
    served = {model: served_by(url, model) for model in named} if url else None
    # None where no service was asked: that is another thing than nobody.
    who = [None if served is None else served[row.model].get(row.version, []) for row in rows]
    out.table(
        registry,
        [*_HEADER, *(["served by"] if url else [])],
        [
            [*_cells(row, now), *([] if by is None else [", ".join(by)])]
            for row, by in zip(rows, who, strict=True)
        ],
    )
    out.result(
        {
            "versions": [
                {**row.model_dump(mode="json"), "served_by": by} for row, by in zip(rows, who, strict=True)
            ]
        },
        [] if rows else [f"nothing is published in {registry}; axon train publishes"],
    )


def publish(
    bundle: Annotated[
        Path,
        typer.Argument(
            help="runs/<id>, or its bundle, of an earlier run.", metavar="BUNDLE|RUN", show_default=False
        ),
    ],
    alias: Annotated[
        str, typer.Option(help=f"Alias that moves to the new version; {NO_ALIAS!r} moves none.")
    ] = "champion",
    reason: Reason = "",
    force: Annotated[
        str | None,
        typer.Option(help="Publish whatever the gate says, and why; for the trail.", metavar="REASON"),
    ] = None,
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Publish a bundle that an earlier run left behind, and make it the champion if the gate lets it pass now."""
    from registry.manifest import MANIFEST, read_manifest
    from registry.opening import open_registry
    from registry.reference import CHAMPION

    if not (bundle / MANIFEST).exists():
        bundle /= "bundle"
    if not bundle.is_dir():
        raise typer.BadParameter(
            f"{bundle.parent} is no bundle and has none; a run that was published has it in the registry",
            param_hint="BUNDLE|RUN",
        )
    name, shelf = read_manifest(bundle).name, open_registry(registry)
    moved = None if alias == NO_ALIAS else alias
    told = _judged(bundle, shelf, force) if moved == CHAMPION else []
    version = shelf.publish(bundle, name, alias=moved, reason="; ".join(filter(None, [reason, *told])))
    screen(quiet=quiet, as_json=as_json).result(
        {"model": name, "version": version.number, "alias": moved, "gate": told},
        [f"published {name}:{version.number}" + (f", {moved} is this version now" if moved else ""), *told],
    )


def promote(
    version: Annotated[
        str,
        typer.Argument(
            help="NAME:VERSION or NAME@ALIAS.", metavar="NAME:VERSION|NAME@ALIAS", show_default=False
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", help="Alias that moves: champion, challenger, shadow, or a name of yours.")
    ],
    reason: Reason = "",
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Point an alias at a version; whoever serves that alias loads it."""
    from registry.opening import open_registry
    from registry.reference import ModelRef

    shelf, ref = open_registry(registry), ModelRef.parse(version)
    number = shelf.resolve(ref).number
    before = shelf.aliases(ref.name).get(to)
    shelf.set_alias(ref.name, to, number, reason=reason)
    was = "" if before is None else f", was {ref.name}:{before}"
    screen(quiet=quiet, as_json=as_json).result(
        {"model": ref.name, "alias": to, "from": before, "to": number},
        [f"{to} is {ref.name}:{number} now{was}"],
    )


def demote(
    alias: Annotated[str, typer.Argument(help="NAME@ALIAS.", metavar="NAME@ALIAS", show_default=False)],
    reason: Reason = "",
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take an alias away, such as the one of a shadow that has been watched long enough; never the champion."""
    from registry.opening import open_registry
    from registry.reference import ModelRef

    ref = ModelRef.parse(alias)
    if isinstance(ref.at, int):
        raise typer.BadParameter(f"expected NAME@ALIAS, got {alias!r}", param_hint="NAME@ALIAS")
    open_registry(registry).drop_alias(ref.name, ref.at, reason=reason)
    screen(quiet=quiet, as_json=as_json).result(
        {"model": ref.name, "alias": ref.at}, [f"{ref.name} has no {ref.at} any more"]
    )


def rollback(
    name: Name,
    alias: Annotated[str, typer.Option(help="Alias to roll back.")] = "champion",
    reason: Reason = "",
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the version champion again that was champion before; once more goes back one more."""
    from registry.opening import open_registry

    before, after = open_registry(registry).rollback(name, alias=alias, reason=reason)
    screen(quiet=quiet, as_json=as_json).result(
        {"model": name, "alias": alias, "from": before.number, "to": after.number},
        [f"{alias} is {name}:{after.number} again, was {name}:{before.number}"],
    )


def prune(
    name: Name,
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest versions stay.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
    reason: Reason = "",
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Remove old versions; never one that an alias names, that a rollback would need, or that is being loaded."""
    from registry.opening import open_registry

    removed = open_registry(registry).prune(name, keep=keep, dry_run=dry_run, reason=reason)
    numbers = [version.number for version in removed]
    said = ", ".join(f"{name}:{number}" for number in numbers) or "nothing"
    screen(quiet=quiet, as_json=as_json).result(
        {"model": name, "removed": numbers, "dry_run": dry_run},
        [f"{'would remove' if dry_run else 'removed'} {said}"],
    )


def _judged(bundle: Path, shelf: "Shelf", force: str | None) -> list[str]:
    """What the gate said, for the trail.

    Raises:
        GateClosedError: If it says no and nobody overrules it.
    """
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from training.errors import GateClosedError
    from training.gate.again import judged_again

    verdict = judged_again(bundle, shelf)
    if not verdict.reasons:
        return [verdict.told]
    if not force:
        kept = f"{bundle} stays as it is; axon publish --force REASON overrules the gate"
        raise GateClosedError([*verdict.reasons, kept])
    return [f"forced: {force}", *(f"against the gate: {reason}" for reason in verdict.reasons)]


def _verify(shelf: "Shelf", names: list[str]) -> None:
    from registry.manifest import verify
    from registry.reference import ModelRef

    for name in names:
        for alias in shelf.aliases(name):
            shelf.resolve(ModelRef(name=name, at=alias))
        for version in shelf.versions(name):
            verify(shelf.fetch(version).directory)


def _trail(shelf: "Shelf", name: str, out: Screen) -> None:
    from registry.audit import as_documents

    moves = shelf.state(name).moves
    if not moves:
        shelf.versions(name)  # refuses a model that is none
    out.table(
        f"{shelf.address}/{name}",
        ["when", "action", "alias", "from", "to", "who", "reason"],
        [
            [
                f"{move.time:%Y-%m-%d %H:%M:%S}",
                move.action.value,
                move.alias or "",
                str(move.before or ""),
                str(move.after or ""),
                move.who,
                move.reason,
            ]
            for move in moves
        ],
    )
    out.result({"model": name, "moves": as_documents(moves)})


def _cells(row: "VersionSummary", now: datetime) -> list[str]:
    from registry.summary import age

    first, last = row.first_impression_at, row.last_impression_at
    metrics = (row.log_loss, row.auc, row.gauc, row.ece)
    return [
        row.model,
        str(row.version),
        ", ".join(row.aliases),
        age(row.created_at, now),
        "" if first is None else f"{first:%Y-%m-%d}",
        "" if last is None else f"{last:%Y-%m-%d}",
        *("" if metric is None else f"{metric:.4f}" for metric in metrics),
        row.family,
        f"{row.bytes / 1e6:.1f}",
    ]
