"""A catalog of a million items: ``python -m benchmarks.catalog [--items N]`` says how long it loads and how fast it ranks.

Items are drawn from those of KuaiRand under new ids, with a column more, ``shelf``, that a filter asks for: each of its
values leaves one item in a hundred. The service is the real one, with the model of `benchmarks.serving`, over HTTP.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import polars as pl

from benchmarks.serving import worlds
from benchmarks.serving.plans import OURS_ONNX, axon
from benchmarks.serving.processes import running

SHELVES = 100
REQUESTS = 300


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="directory of KuaiRand's tables; the example's by default")
    parser.add_argument("--work", type=Path, default=Path("data/serving"), help="for models and logs")
    asked = parser.parse_args()
    work = asked.work.resolve()
    world = worlds.kuairand(work, asked.data)
    videos, users = world.catalog
    with tempfile.TemporaryDirectory() as directory:
        items = Path(directory) / "items.parquet"
        many_items(videos, asked.items).write_parquet(items)
        plan = axon(replace(world, catalog=(items, users)), Path(directory), OURS_ONNX, "onnx")
        plan = replace(plan, ready_within_s=600.0)
        started = time.perf_counter()
        with running([plan], Path(directory)) as [server]:
            server.thaw()
            print(
                f"{asked.items:,} items imported, computed and ready after {time.perf_counter() - started:.1f} s"
            )
            print(f"resident: {server.resident_mb():,.0f} MB")
            show_latency(server.address)


def many_items(videos: Path, size: int) -> pl.DataFrame:
    """So many items with the features of some videos."""
    known = pl.read_csv(videos, infer_schema=False)
    places = np.random.default_rng(2026).integers(0, len(known), size)
    shelves = pl.Series("shelf", np.arange(size) % SHELVES).cast(pl.String)
    ids = pl.Series("video_id", np.arange(size)).cast(pl.String)
    duration = pl.col("video_duration").cast(pl.Float64, strict=False)
    return known[places].with_columns(ids, shelves, duration)


def show_latency(address: str) -> None:
    """Rank what a filter leaves, one request after the other."""
    rng = np.random.default_rng(2026)
    times_ms: list[float] = []
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        for number in range(REQUESTS + 20):
            wanted = {"shelf": str(rng.integers(0, SHELVES))}
            question = {
                "user": str(number),
                "context": {"tab": "1"},
                "candidates": {"filter": wanted},
                "k": 10,
            }
            started = time.perf_counter()
            answer = client.post("/api/v1/rank", json=question)
            times_ms.append((time.perf_counter() - started) * 1000)
            answer.raise_for_status()
    p50, p99 = np.percentile(times_ms[20:], [50, 99])  # the first ones warm up
    print(
        f"a filter that leaves one in {SHELVES}: p50 {p50:.1f} ms, p99 {p99:.1f} ms over {REQUESTS} requests"
    )


if __name__ == "__main__":
    main()
