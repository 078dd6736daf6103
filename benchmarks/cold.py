"""What keeps ids from costing new users and items anything: variants of the shop's example in the default world.

Prints a line per variant: AUC on everything, on impressions of unseen users and of unseen items, one seed. The example's
settings were chosen from this table and from worlds 7 and 8, on the impressions that are judged; ``--world`` draws another
world, of which all but those two chose nothing, and prints the example with and without ids alone, a line per seed.

    python -m benchmarks.cold [--world SEED]
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import polars as pl

from benchmarks.quality.contestants import ours
from benchmarks.quality.world import Shop, shop_task, unseen_of
from simulator import WorldConfig, write_shop
from training.metrics import auc

SEEDS = (1, 11, 21)
"""The first is that of the table."""

NOTHING = {"id_dropout": 0.0, "l2_rare": 0.0}
DROPPED = {"id_dropout": 0.2}
BARE = "a file that says nothing of model and training"
ADAM = {
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "schedule": {"name": "constant"},
    "epochs": 20,
    "batch_size": 4096,
    "ema": None,
}
"""One small rate for all weights and no average: where ids cost the most."""


def variants() -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Name, whether the ids are features, and what is changed under ``training``."""
    yield f"{BARE}, without ids", False, {}
    yield f"{BARE}, with ids", True, {}
    yield "without ids", False, {}
    yield "with ids, nothing against learning them by heart", True, NOTHING
    for rate in (0.2, 0.5):
        yield f"`id_dropout` {rate}", True, {**NOTHING, "id_dropout": rate}
    yield "`l2_rare` 50", True, {**NOTHING, "l2_rare": 50.0}
    for price in (5.0, 50.0, 300.0):
        yield f"`id_dropout` 0.2, `l2_rare` {price:g}", True, {**DROPPED, "l2_rare": price}
    for price in (100.0, 150.0):
        yield f"`id_dropout` 0.5, `l2_rare` {price:g}", True, {"id_dropout": 0.5, "l2_rare": price}
    decayed = {"name": "adamw", "learning_rate": 0.001, "weight_decay": 6.0}
    yield (
        "`id_dropout` 0.2, decay 6 on the embeddings",
        True,
        {**DROPPED, "embedding_optimizer": decayed, "l2_rare": 0.0},
    )
    yield "Adam without decay, without ids", False, {**ADAM, **DROPPED, "l2_rare": 50.0}
    yield "the same with ids, nothing against it", True, {**ADAM, **NOTHING}
    for price in (50.0, 300.0):
        yield f"the same, `id_dropout` 0.2, `l2_rare` {price:g}", True, {**ADAM, **DROPPED, "l2_rare": price}


def main() -> None:
    """Print the table, or what another world says of its choice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=int, help="seed of another world than the default one")
    world = parser.parse_args().world
    config = WorldConfig() if world is None else WorldConfig(seed=world)
    kept: list[tuple[str, bool, dict[str, Any]]] = [
        ("without ids", False, {}),
        ("with ids, as the example has it", True, {}),
        (f"{BARE}, without ids", False, {}),
        (f"{BARE}, with ids", True, {}),
    ]
    tried = list(variants()) if world is None else kept
    seeds = SEEDS[:1] if world is None else SEEDS
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        files = write_shop(config, folder)
        shop = Shop(folder, pl.read_csv(files.truth)["probability"].to_numpy())
        print("| | everything | unseen users | unseen items |\n|---|---|---|---|")
        for place, (name, ids, training) in enumerate(tried):
            task = shop_task(training=training, ids=ids, bare=name.startswith(BARE))
            log = shop.encoded(task, str(place))
            clicked = log.slices.facts[log.judged].clicked
            masks = unseen_of(shop, log).values()
            for seed in seeds:
                said = log.calibrated(ours(log, seed))
                figures = [auc(clicked[mask], said[mask]) or 0.0 for mask in masks]
                print(f"| {name} | {' | '.join(f'{figure:.4f}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    main()
