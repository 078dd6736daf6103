"""How the settings of examples/kuairand were chosen: variants judged on days that the example trains on.

Trained before 05-02, stopped and calibrated on 05-02, judged on 05-03 and 05-04; two seeds, means.

    python -m benchmarks.inner_split [--history] [--data-root DIR]
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from scipy.special import expit

from benchmarks.quality.contestants import ours
from benchmarks.quality.encoded import EncodedLog, encode_log
from benchmarks.quality.kuairand import EXAMPLES, INNER
from training.calibration import fit_calibration
from training.config import data_root, load_config, parse_config
from training.log.split import Slice

CONFIG = Path("benchmarks/inner_split.yaml")
SEEDS = (1, 2)
IDS = ("user_id", "video_id", "author_id", "music_id")

Document = dict[str, Any]


def variants() -> Iterator[tuple[str, Document]]:
    """Names and task files, the example as it stands last."""
    small = {"embedding_dim": 16, "hidden": [256, 128], "dropout": 0.2, "embedding_dropout": 0.2}
    adam = {"optimizer": {"name": "adam", "learning_rate": 0.001}, "id_dropout": 0.0, "l2_embedding": 0.0001}
    logistic = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "id_dropout": 0.0, "epochs": 12}
    yield "logistic", _changed({"family": "logistic"}, logistic, 3)
    yield "embedding 16, hidden 256-128, Adam", _changed(small, adam, 3)
    yield "the same, batch normalisation", _changed({**small, "batch_norm": True}, adam, 3)
    yield "the same, hidden 400-400-400", _changed({**small, "hidden": [400, 400, 400]}, adam, 3)
    yield "the same, without user_id", _changed(small, adam, 3, without="user_id")
    yield "the same, a quarter of the ids trained as OOV", _changed(small, {**adam, "id_dropout": 0.25}, 3)
    for decay, min_count in ((1, 3), (3, 3), (3, 1), (8, 1), (20, 1)):
        training = {"optimizer": _decayed(decay), "id_dropout": 0.0}
        yield (
            f"embedding 32, hidden 128, weight decay {decay}, min_count {min_count}",
            _changed({}, training, min_count),
        )
    yield from _generalising()
    yield "as kept", _changed({}, {}, 1)


def _generalising() -> Iterator[tuple[str, Document]]:
    """The average of the weights, and what else was tried on top of it."""
    base = {"optimizer": _decayed(6), "ema": None}
    for decay in (0.9, 0.98, 0.99, 0.995, 0.999):
        yield f"weight decay 6, ema {decay}", _changed({}, {**base, "ema": decay}, 1)
    averaged = {**base, "ema": 0.99}
    per_user = {"ranking_weight": 0.3, "ranking_key": "user_id"}
    tried: list[tuple[str, Document, Document]] = [
        ("labels smoothed by 0.02", {}, {"label_smoothing": 0.02}),
        ("ranking weight 0.3, the batch one context", {}, {"ranking_weight": 0.3}),
        ("ranking weight 0.3, a user one context", {}, per_user),
        ("embeddings at rate 0.002, decay 3", {}, {"embedding_optimizer": _decayed(3, 0.002)}),
        ("embeddings at rate 0.004, decay 3", {}, {"embedding_optimizer": _decayed(3, 0.004)}),
        (
            "dense weights with decay 0.1",
            {},
            {"optimizer": _decayed(0.1), "embedding_optimizer": _decayed(6)},
        ),
        (
            "dense weights at rate 0.0005",
            {},
            {"optimizer": _decayed(6, 5e-4), "embedding_optimizer": _decayed(6)},
        ),
        ("embeddings without decay, l2_rare 30", {}, {"embedding_optimizer": _decayed(0), "l2_rare": 30.0}),
        ("l2_rare 3 beside the decay", {}, {"l2_rare": 3.0}),
        ("warm-up 0.05, then half a cosine", {}, {"schedule": {"name": "cosine", "warmup": 0.05}}),
        ("ensemble of 3", {"ensemble": 3}, {}),
    ]
    for name, model, training in tried:
        yield f"weight decay 6, ema 0.99, {name}", _changed(model, {**averaged, **training}, 1)


def with_history() -> Iterator[tuple[str, Document]]:
    """The examples that count the past, as they stand and with one thing changed."""
    yield "axon.yaml: the state at the end of training", _example("axon.yaml")
    for name, held in _held():
        yield f"the same, {name}", _example("axon.yaml", training=held)
    yield "the same, counts that never fade alone", _example("axon.yaml", half_lives=[])
    yield "the same, deepfm", _example("axon.yaml", model={"family": "deepfm"})
    yield "the same, wide_and_deep", _example("axon.yaml", model={"family": "wide_and_deep"})
    plain = {"optimizer": _decayed(6, 0.0005), "embedding_optimizer": None, "ema": None, "epochs": 6}
    relu = {"activation": "relu"}
    yield "history.yaml: the state a moment before", _example("history.yaml")
    for name, held in _held():
        yield f"the same, {name}", _example("history.yaml", training=held)
    yield "the same, nothing of what was clicked last", _example("history.yaml", sequences=[])
    yield "the same, attention over the last 20 videos alone", _example("history.yaml", sequences=[_ATTENDED])
    yield (
        "the same, attention over videos beside the means of authors and music",
        _example("history.yaml", sequences=[*_means(30)[1:], _ATTENDED]),
    )
    yield "the same, means of the last 50", _example("history.yaml", sequences=_means(50))
    yield "the same, hidden 64", _example("history.yaml", model={"hidden": [64]})
    yield "the same, hidden 128", _example("history.yaml", model={"hidden": [128]})
    yield "the same, one optimiser, relu, no average", _example("history.yaml", model=relu, training=plain)
    yield "the same, hidden 512-256", _example("history.yaml", model={"hidden": [512, 256]})


def _held() -> Iterator[tuple[str, Document]]:
    """What keeps the embeddings of rare ids small, from decay alone to what is kept."""
    tried = (
        (0.001, 6, 0, 0.05),
        (0.001, 6, 0, 0.2),
        (0.001, 6, 50, 0.2),
        (0.002, 3, 50, 0.2),
        (0.002, 6, 50, 0.3),
        (0.004, 1, 50, 0.3),
        (0.004, 3, 50, 0.3),
        (0.004, 3, 150, 0.3),
        (0.004, 1, 300, 0.3),
    )
    for rate, decay, price, dropped in tried:
        held = {"embedding_optimizer": _decayed(decay, rate), "l2_rare": price, "id_dropout": dropped}
        yield f"embeddings at rate {rate}, decay {decay}, l2_rare {price}, id_dropout {dropped}", held


def _example(
    name: str,
    *,
    model: Document | None = None,
    training: Document | None = None,
    half_lives: list[str] | None = None,
    sequences: Sequence[Document] | None = None,
) -> Document:
    document: Document = load_config(EXAMPLES / name).model_dump(mode="json")
    document["model"] |= model or {}
    document["training"] |= training or {}
    document["split"] = INNER.split.model_dump()
    history = document["features"]["history"]
    if half_lives is not None:
        history = [{**feature, "half_lives": half_lives} for feature in history]
    if sequences is not None:
        history = [feature for feature in history if feature["kind"] != "recent"] + list(sequences)
    document["features"]["history"] = history
    return document


def _means(longest: int) -> list[Document]:
    """The sequences of history.yaml, of another length."""
    history = load_config(EXAMPLES / "history.yaml").model_dump(mode="json")["features"]["history"]
    return [{**feature, "max_length": longest} for feature in history if feature["kind"] == "recent"]


_ATTENDED = {
    "kind": "recent",
    "name": "attended_videos",
    "of": ["user_id"],
    "collects": "video_id",
    "max_length": 20,
    "pooling": "attention",
    "like": "video_id",
}


def _decayed(decay: float, learning_rate: float = 0.001) -> Document:
    return {"name": "adamw", "learning_rate": learning_rate, "weight_decay": decay}


def _changed(model: Document, training: Document, min_count: int, *, without: str = "") -> Document:
    document: Document = yaml.safe_load(CONFIG.read_text())
    document["model"] |= model
    document["training"] |= training
    document["split"] = INNER.split.model_dump()
    for side in ("user", "item"):
        features = [feature for feature in document["features"][side] if feature["name"] != without]
        for feature in features:
            if feature["name"] in IDS:
                feature["min_count"] = min_count
        document["features"][side] = features
    return document


def main() -> None:
    """Print a line per variant: name, AUC and log loss after calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, default=None)
    parser.add_argument("--history", action="store_true", help="the examples that count the past")
    arguments = parser.parse_args()
    root = data_root(load_config(CONFIG), CONFIG, arguments.data_root)
    with tempfile.TemporaryDirectory() as directory:
        data = _without_the_judged_days(root, Path(directory) / "data")
        for number, (name, document) in enumerate(with_history() if arguments.history else variants()):
            task = parse_config(document, source=name)
            log = encode_log(task, data, Path(directory) / str(number))
            figures = np.mean([_figures(log, seed) for seed in SEEDS], axis=0)
            print(f"| {name} | {figures[0]:.4f} | {figures[1]:.4f} |", flush=True)


def _without_the_judged_days(root: Path, target: Path) -> Path:
    """A copy of the data that ends with 05-04."""
    target.mkdir()
    log = pl.read_csv(root / "impressions.csv", infer_schema=False)
    log.filter(pl.col("date") <= "20220504").write_csv(target / "impressions.csv")
    for table in ("users.csv", "videos.csv"):
        (target / table).symlink_to((root / table).resolve())
    return target


def _figures(log: EncodedLog, seed: int) -> tuple[float, float]:
    said = ours(log, seed)
    clicked = log.slices.facts[Slice.VALIDATION].clicked
    calibration = fit_calibration("platt", said[Slice.VALIDATION], clicked)
    metrics = log.judge.metrics(expit(calibration.apply(said[Slice.TEST])), Slice.TEST)
    return metrics.auc or float("nan"), metrics.log_loss or float("nan")


if __name__ == "__main__":
    main()
