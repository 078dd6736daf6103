"""Prints every quality figure as Markdown tables and writes them as JSON: ``make bench-quality``.

python -m benchmarks.quality [--only kuairand] [--quick] [--data-root DIR] [--output FILE]
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.quality.tables import Table

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEEDS = (1, 11, 21)
"""Ten apart: an ensemble takes the seeds that follow its own."""

SECTIONS = ("kuairand", "bank", "world")


def main() -> None:
    """Run the named sections, all by default; a table is printed and written once it is complete."""
    from benchmarks.quality.tables import as_json

    arguments = _arguments()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    done = []
    with tempfile.TemporaryDirectory() as directory:
        for table in _tables(arguments, Path(directory)):
            done.append(table)
            print(table.markdown(), flush=True)
            arguments.output.write_bytes(as_json(done))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one seed, ours and LightGBM alone")
    parser.add_argument(
        "--data-root", type=Path, default=None, help="directory with kuairand/ and bank_marketing/"
    )
    parser.add_argument(
        "--seeds", type=int, default=len(SEEDS), choices=(1, 2, 3), help="how many; 3 by default"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/quality.json"), help="the figures as JSON")
    return parser.parse_args()


def _tables(arguments: argparse.Namespace, work: Path) -> "Iterator[Table]":
    from benchmarks.quality import bank, kuairand, world
    from benchmarks.quality.peers import present

    sections = arguments.only or SECTIONS
    root, quick = arguments.data_root, arguments.quick
    seeds = SEEDS[: 1 if quick else arguments.seeds]
    peers, absent = ([], []) if quick else present()
    for name in absent:
        print(f"{name} is not installed in .venv-peers and is left out.\n", flush=True)
    if "kuairand" in sections:
        data = None if root is None else root / "kuairand"
        yield from kuairand.tables(work / "kuairand", seeds, peers, root=data, quick=quick)
    if "bank" in sections:
        data = bank.DATA if root is None else root / "bank_marketing"
        yield bank.table(work / "bank", seeds, peers, data=data, quick=quick)
    if "world" in sections:
        yield from world.tables(work / "world", seeds, quick=quick)


if __name__ == "__main__":
    main()
