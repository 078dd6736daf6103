"""How fast `axon remember` counts: ``python -m benchmarks.remember [--pages N]`` prints impressions per second and memory.

The journals are those of a service with the features of ``examples/shop/history.yaml``: pages of twenty items, each of them
seen, every other page clicked once. They are read from the beginning, as after a night without anybody who counted.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from features.fitted import FittedSpec, FittedTimeZone, NothingFitted
from history.packed.pack import pack
from history.stores.memory import MemoryStore
from journal import DECISIONS, FEEDBACK, open_journal
from journal.records import Columns, Decision, Described, Feedback
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, HISTORY, BundleFacts, write_manifest
from training.config import TaskConfig, load_config
from training.remembering import Remembering, Sources
from training.remembering.following import Patience

CONFIG = Path(__file__).parents[1] / "examples" / "shop" / "history.yaml"
START_MS = 1_767_268_800_000
PAGE_MS = 50
ITEMS, USERS, SHOWN = 5_000, 20_000, 20
HOUR_MS = 3_600_000
FITTED = {
    "categorical": {"kind": "vocabulary", "tokens": ()},
    "multi": {"kind": "vocabulary", "tokens": ()},
    "recent": {"kind": "nothing"},
    "numeric": {"kind": "scale", "mean": 0.0, "std": 1.0, "low": 0.0, "high": 1.0},
    "age": {"kind": "scale", "mean": 0.0, "std": 1.0, "low": 0.0, "high": 1.0},
    "rate": {"kind": "rate", "average": 0.1},
    "buckets": {"kind": "edges", "edges": ()},
    "time_part": FittedTimeZone.of("Europe/Berlin").model_dump(),
}
"""What is fitted does not matter here: nobody asks the network."""


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000)
    pages = parser.parse_args().pages
    config = load_config(CONFIG)
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        registry = publish(config, directory)
        address = f"file:{directory / 'journals'}"
        write_journals(config, address, pages)
        sources = Sources(f"sqlite:{directory / 'history.db'}", address, registry)
        remembering = Remembering(config, sources, Patience(HOUR_MS, 5_000))
        started = time.perf_counter()
        told = remembering.step(START_MS + pages * PAGE_MS + HOUR_MS)
        took_s = time.perf_counter() - started
        remembering.close()
    resident_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{told.impressions:,} impressions, {told.clicked:,} of them clicked, in {took_s:.1f} s")
    print(f"{told.impressions / took_s:,.0f} impressions/s, at most {resident_mb:,.0f} MB")


def publish(config: TaskConfig, directory: Path) -> LocalRegistry:
    """A version that has seen nothing."""
    spec, bundle = config.features, directory / "bundle"
    fitted = FittedSpec.model_validate(
        {
            "spec": spec,
            "fitted": {one.name: FITTED.get(one.kind, NothingFitted()) for one in spec.features()},
        }
    )
    (bundle / FEATURE_SPEC).parent.mkdir(parents=True)
    (bundle / FEATURE_SPEC).write_text(fitted.model_dump_json())
    pack(spec.history, MemoryStore(), bundle / HISTORY)
    facts = BundleFacts(
        name=config.name,
        created_at=datetime.now(UTC),
        code_version="0",
        tensorflow_version="0",
        spec_fingerprint=spec.fingerprint(),
        fitted_fingerprint=fitted.fingerprint(),
        family="mlp",
        last_impression_at=datetime.fromtimestamp(START_MS / 1000, UTC),
    )
    write_manifest(bundle, facts)
    registry = LocalRegistry(directory / "models")
    registry.publish(bundle, config.name)
    return registry


def write_journals(config: TaskConfig, address: str, pages: int) -> None:
    """What a service would have noted."""
    rng = np.random.default_rng(2026)
    journals = {name: open_journal(address, name) for name in (DECISIONS, FEEDBACK)}
    for number in range(pages):
        page = decided(config.name, number, rng)
        journals[DECISIONS].append([page.record()])
        journals[FEEDBACK].append([event.record() for event in done(page, clicked=number % 2 == 0)])
    for journal in journals.values():
        journal.close()


def decided(name: str, number: int, rng: np.random.Generator) -> Decision:
    """An answer."""
    user = f"u{rng.integers(USERS)}"
    items = [f"i{item}" for item in rng.choice(ITEMS, SHOWN, replace=False).tolist()]
    of_user = {"user_id": user, "gender": "f", "age_band": "25-34", "city": "berlin", "device": "phone"}
    of_item = {"category": "shoes", "brand": "b7", "price": 49.5, "listed_ms": START_MS - HOUR_MS}
    return Decision(
        decision_id=f"{number:032x}",
        at_ms=START_MS + 1 + number * PAGE_MS,
        model=name,
        version=1,
        columns=Columns("user_id", "item_id", "time_ms"),
        user=Described(user, of_user | {"history": []}),
        context={"position": "1"},
        candidates=[Described(item, of_item | {"item_id": item}) for item in items],
        probabilities=[0.1] * SHOWN,
        positions=list(range(1, SHOWN + 1)),
    )


def done(page: Decision, *, clicked: bool) -> Iterator[Feedback]:
    """What was seen and clicked."""
    for place, candidate in enumerate(page.candidates):
        at_ms = page.at_ms + 100
        key = f"{page.decision_id}-{place}"
        yield Feedback(f"s{key}", "impression", at_ms, candidate.id, page.decision_id, received_ms=at_ms)
        if clicked and place == 0:
            yield Feedback(
                f"c{key}", "click", at_ms + 5_000, candidate.id, page.decision_id, received_ms=at_ms
            )


if __name__ == "__main__":
    main()
