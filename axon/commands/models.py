"""``axon models`` and ``axon publish``: what the registry holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axon.options import REGISTRY, Json, Quiet, Registry, screen

if TYPE_CHECKING:
    from registry.local import LocalRegistry
    from registry.version import Version


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(models)
    app.command()(publish)


def models(registry: Registry = REGISTRY, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the published versions."""
    from registry.local import LocalRegistry

    out = screen(quiet=quiet, as_json=as_json)
    shelf = LocalRegistry(registry)
    rows = [_facts(shelf, version) for name in shelf.names() for version in shelf.versions(name)]
    out.table(
        str(registry),
        ["model", "version", "family", "created", "data from", "data to", "MB", "aliases"],
        [
            [
                row["model"],
                str(row["version"]),
                row["family"],
                row["created_at"][:16],
                (row["first_impression_at"] or "")[:10],
                (row["last_impression_at"] or "")[:10],
                f"{row['bytes'] / 1e6:.1f}",
                ", ".join(row["aliases"]),
            ]
            for row in rows
        ],
    )
    out.result(
        {"versions": rows}, [] if rows else [f"nothing is published in {registry}; axon train publishes"]
    )


def publish(
    bundle: Annotated[Path, typer.Argument(help="runs/<id>/bundle of an earlier run.", show_default=False)],
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Publish a bundle that an earlier run left behind, and make it the champion."""
    from registry.local import LocalRegistry
    from registry.manifest import read_manifest

    out = screen(quiet=quiet, as_json=as_json)
    name = read_manifest(bundle).name
    version = LocalRegistry(registry).publish(bundle, name)
    out.result({"model": name, "version": version.number}, [f"published {name}:{version.number}"])


def _facts(shelf: "LocalRegistry", version: "Version") -> dict[str, Any]:
    manifest = version.manifest()
    facts = manifest.model_dump(
        mode="json", include={"family", "created_at", "first_impression_at", "last_impression_at"}
    )
    aliases = shelf.aliases(version.name)
    return {
        "model": version.name,
        "version": version.number,
        **facts,
        "bytes": sum(digest.bytes for digest in manifest.files.values()),
        "aliases": sorted(alias for alias, number in aliases.items() if number == version.number),
    }
