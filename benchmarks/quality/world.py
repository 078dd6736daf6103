"""The simulator's default world, whose true probabilities are known: seeds come in, tables of distances to the truth go out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.quality.contestants import logistic, ours
from benchmarks.quality.encoded import EncodedLog, Logits, encode_log
from benchmarks.quality.tables import Row, Table
from benchmarks.world import ece_against_truth
from simulator import WorldConfig, write_shop
from training.config import TaskConfig, parse_config
from training.log.split import Slice
from training.metrics import auc, ece, log_loss

CONFIG = Path("examples/shop/axon.yaml")
KEEP_RATES = (0.5, 0.1)
IDS = {"user": "user_id", "item": "item_id"}

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Shop:
    """The default world on disc.

    Attributes:
        truth: Of every impression, in the order of the log, ``(rows,)``.
    """

    directory: Path
    truth: Probabilities

    def encoded(self, task: TaskConfig, name: str) -> EncodedLog:
        return encode_log(task, self.directory, self.directory / name)

    def truth_of(self, log: EncodedLog) -> Probabilities:
        """The true probabilities of the judged impressions, ``(judged,)``."""
        return self.truth[log.mask(log.judged)]


def tables(work: Path, seeds: Sequence[int], *, quick: bool) -> Iterator[Table]:
    """Distance to the truth; and, unless in a hurry, keep rates and cold users and items."""
    files = write_shop(WorldConfig(), work)
    shop = Shop(work, pl.read_csv(files.truth)["probability"].to_numpy())
    log = shop.encoded(shop_task(), "as it is")
    logits = [ours(log, seed) for seed in seeds]
    said = [log.calibrated(of_seed) for of_seed in logits]
    yield _distance(shop, log, said)
    if not quick:
        yield _keep_rates(shop, _kept(shop, log, logits, seeds))
        yield _cold(shop, log, said, seeds)


def _distance(shop: Shop, log: EncodedLog, said: Sequence[Probabilities]) -> Table:
    truth, clicked = shop.truth_of(log), log.slices.facts[log.judged].clicked
    neuron = log.calibrated(logistic(log, log.task.training.seed))
    bounds = log_loss(clicked, neuron), log_loss(clicked, truth)
    by_name = {"logistic": [neuron], "ours": said, "truth": [truth]}
    rows = [
        Row.of(
            name,
            [
                {
                    "AUC": auc(clicked, probabilities),
                    "log loss": log_loss(clicked, probabilities),
                    "share closed": (bounds[0] - log_loss(clicked, probabilities)) / (bounds[0] - bounds[1]),
                    "ECE against the truth": ece_against_truth(truth, probabilities),
                    "ECE against the clicks": ece(clicked, probabilities),
                }
                for probabilities in seeds
            ],
        )
        for name, seeds in by_name.items()
    ]
    note = "Of the log-loss distance between `logistic` and the true probabilities. Asked: at least 0.95, ECE at most 0.005."
    return Table(title="The simulator's default world", note=note, rows=tuple(rows))


def _kept(
    shop: Shop, log: EncodedLog, logits: Sequence[Logits], seeds: Sequence[int]
) -> Iterator[tuple[float, EncodedLog, Sequence[Logits]]]:
    """Every keep rate, the log that was thinned out by it, and what the network of each seed says."""
    yield 1.0, log, logits
    for keep_rate in KEEP_RATES:
        thinned = shop.encoded(shop_task(training={"keep_rate": keep_rate}), f"keep {keep_rate}")
        yield keep_rate, thinned, [ours(thinned, seed) for seed in seeds]


def _keep_rates(shop: Shop, kept: Iterator[tuple[float, EncodedLog, Sequence[Logits]]]) -> Table:
    rows = []
    for keep_rate, log, logits in kept:
        truth = shop.truth_of(log)
        seeds = []
        for of_seed in logits:
            calibrated = log.calibrated(of_seed)
            figures: dict[str, float | None] = {
                "mean probability over the true rate": float(calibrated.mean() / truth.mean()),
                "the same before calibration": float(expit(of_seed[log.judged]).mean() / truth.mean()),
                "log loss": log_loss(log.slices.facts[log.judged].clicked, calibrated),
                "ECE against the truth": ece_against_truth(truth, calibrated),
            }
            seeds.append(figures)
        rows.append(Row.of(f"{keep_rate:g}", seeds))
    note = "By the share of the non-clicks that train. Asked: a mean probability within 1 % of the true rate."
    return Table(title="Downsampled non-clicks", note=note, rows=tuple(rows))


def _cold(shop: Shop, log: EncodedLog, without: Sequence[Probabilities], seeds: Sequence[int]) -> Table:
    """AUC of impressions whose user or item the training slice lacks, with and without the ids as features."""
    ids = shop.encoded(shop_task(ids=True), "ids")
    with_ids = [ids.calibrated(ours(ids, seed)) for seed in seeds]
    clicked = log.slices.facts[log.judged].clicked
    rows = []
    for name, unseen in unseen_of(shop, log).items():
        figures = [
            {
                "impressions": float(unseen.sum()),
                "AUC, with ids": auc(clicked[unseen], with_them[unseen]),
                "AUC, without": auc(clicked[unseen], without_them[unseen]),
            }
            for with_them, without_them in zip(with_ids, without, strict=True)
        ]
        rows.append(Row.of(name, [{**seed, "difference": _difference(seed)} for seed in figures]))
    note = "`user_id` and `item_id` added to the example, which says `id_dropout` and `l2_rare`. Asked: no lower than 0.001 below."
    return Table(title="Cold users and items", note=note, rows=tuple(rows))


def _difference(seed: dict[str, float | None]) -> float | None:
    with_ids, without = seed["AUC, with ids"], seed["AUC, without"]
    return None if with_ids is None or without is None else with_ids - without


def unseen_of(shop: Shop, log: EncodedLog) -> dict[str, NDArray[np.bool_]]:
    """Which judged impressions have a user, or an item, that never trains, ``(judged,)`` each."""
    columns = pl.read_csv(shop.directory / "log.csv", columns=list(IDS.values()), infer_schema=False)
    masks = {"everything": np.ones(int(log.mask(log.judged).sum()), np.bool_)}
    for side, column in IDS.items():
        known = columns[column].filter(pl.Series(log.mask(Slice.TRAIN))).unique()
        judged = columns[column].filter(pl.Series(log.mask(log.judged)))
        masks[f"unseen {side}s"] = ~judged.is_in(known.implode()).to_numpy()
    return masks


def shop_task(training: dict[str, Any] | None = None, *, ids: bool = False, bare: bool = False) -> TaskConfig:
    """The shop's example with other training settings, perhaps with the ids as features.

    With ``bare`` it says nothing of the model and the training but these settings.
    """
    document: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    if bare:
        document |= {"model": {}, "training": {}}
    document["training"] |= training or {}
    if ids:
        for side, column in IDS.items():
            document["features"][side].append({"kind": "categorical", "name": column})
    return parse_config(document, source=str(CONFIG))
