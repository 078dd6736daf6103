"""A small simulated shop, trained and published by the real command, once for all tests of this directory."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import polars as pl
import pytest
import yaml

from simulator import WorldConfig, write_shop
from tests.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop" / "axon.yaml"
PAST_EXAMPLE = EXAMPLE.with_name("history.yaml")
LATER = 1_000
AXON = [sys.executable, "-m", "axon"]


@dataclass(frozen=True)
class Shop:
    """Where a trained shop is."""

    directory: Path
    config: Path
    answer: dict

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def registry(self) -> Path:
        return self.directory / "models"

    @property
    def tables(self) -> dict[str, str]:
        """Settings of a service that imports the shop's items and users."""
        return {"catalog": str(self.data / "items.csv"), "users": str(self.data / "users.csv")}

    def document(self, **changes: dict) -> dict:
        """The task file as a document, with some of its parts replaced key by key."""
        document = yaml.safe_load(self.config.read_text())
        for part, values in changes.items():
            document[part] = {**document.get(part, {}), **values}
        return document

    def write(self, path: Path, document: dict) -> Path:
        path.write_text(yaml.safe_dump(document))
        return path


def axon(*arguments: object, cwd: Path, check: bool = True) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [*AXON, *(str(argument) for argument in arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    directory = tmp_path_factory.mktemp("shop")
    write_shop(WorldConfig(impressions=30_000, users=400, items=120), directory / "data")
    document = yaml.safe_load(EXAMPLE.read_text())
    document["data"]["root"] = "data"
    document["model"]["hidden"] = [32, 16]
    document["training"] |= {"epochs": 3, "batch_size": 512}
    document["split"] = {"validation_from": 0.5, "test_from": 0.65}
    document["gate"] = {"beat": ["prior"]}
    config = directory / "axon.yaml"
    config.write_text(yaml.safe_dump(document))
    done = axon("train", config, "--json", cwd=directory)
    return Shop(directory, config, json.loads(done.stdout))


@contextmanager
def served(registry: Path, cwd: Path, **settings: str) -> Iterator[httpx.Client]:
    """The real service on a free port, ready; settings become its environment."""
    environment = {f"AXON_{name.upper()}": value for name, value in {"drain_s": "0", **settings}.items()}
    process = subprocess.Popen(
        [*AXON, "serve", "--registry", str(registry), "--port", "0"],
        cwd=cwd,
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        address = next(
            found.group(0)
            for line in process.stderr
            if (found := re.search(r"http://127\.0\.0\.1:\d+", line))
        )
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200)
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def past_shop(tmp_path_factory) -> Shop:
    """The example on a small world, but for its last impressions, which are in ``later.csv``."""
    directory = tmp_path_factory.mktemp("history")
    write_shop(WorldConfig(impressions=6_000, users=100, items=50), directory / "data")
    lines = (directory / "data" / "log.csv").read_text().splitlines(keepends=True)
    (directory / "data" / "log.csv").write_text("".join(lines[:-LATER]))
    (directory / "later.csv").write_text("".join([lines[0], *lines[-LATER:]]))
    document = yaml.safe_load(PAST_EXAMPLE.read_text())
    document["data"]["root"] = "data"
    document["model"] |= {"embedding_dim": 4, "hidden": [4]}
    document["training"] |= {
        "epochs": 1,
        "batch_size": 512,
        "baseline": {"epochs": 1},
        "calibration": "platt",
    }
    document["split"] = {"validation_from": 0.6, "test_from": 0.8}
    document["gate"] = {"beat": [], "max_calibration_error": None}
    config = directory / "axon.yaml"
    config.write_text(yaml.safe_dump(document))
    axon("train", config, cwd=directory)
    return Shop(directory, config, {})


@pytest.fixture(scope="session")
def past_rows(past_shop: Shop) -> list[dict]:
    """Requests for the impressions of ``later.csv``, joined with what the tables say."""
    users = pl.read_csv(past_shop.data / "users.csv", infer_schema=False).rows_by_key(
        "user_id", named=True, unique=True
    )
    items = pl.read_csv(past_shop.data / "items.csv", infer_schema=False).rows_by_key(
        "item_id", named=True, unique=True
    )
    requests = []
    for impression in pl.read_csv(past_shop.directory / "later.csv").iter_rows(named=True):
        user, item = impression["user_id"], impression["item_id"]
        features = {**items[item], "item_id": item, "listed_ms": int(items[item]["listed_ms"])}
        requests.append(
            {
                "user": {**users[user], "user_id": user},
                "item": {**features, "price": float(features["price"])},
                "context": {"position": impression["position"], "time_ms": impression["time_ms"]},
            }
        )
    for request in requests:
        del request["user"]["signed_up_ms"]
    return requests


@pytest.fixture(scope="session")
def question(past_rows: list[dict]) -> dict:
    """One user at one moment, and every item of the shop, all by features."""
    items = {row["item"]["item_id"]: row["item"] for row in past_rows}
    return {
        "user": {"id": past_rows[0]["user"]["user_id"], "features": past_rows[0]["user"]},
        "context": past_rows[0]["context"],
        "candidates": [{"id": item, "features": features} for item, features in items.items()],
    }


def by_id(question: dict, **changes: object) -> dict:
    """The same question as a client with a catalog asks it."""
    ids = [candidate["id"] for candidate in question["candidates"]]
    return {**question, "user": question["user"]["id"], "candidates": ids, **changes}


def some_items(rows: list[dict]) -> list[str]:
    """Ids of twenty items of the catalog."""
    return list(dict.fromkeys(row["item"]["item_id"] for row in rows))[:20]


def clicked_best(answer: dict, shown: int) -> list[dict]:
    """Events: the first items of a ranking were seen, and the best of them clicked."""
    seen = [item["id"] for item in answer["items"][:shown]]
    done = [("impression", item) for item in seen] + [("click", seen[0])]
    about = {"decision_id": answer["decision_id"]}
    return [{"event_id": uuid.uuid4().hex, "type": kind, "item_id": item, **about} for kind, item in done]
