"""A small simulated shop, trained and published by the real command, once for all tests of this directory."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from simulator import WorldConfig, write_shop

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop" / "axon.yaml"
AXON = [sys.executable, "-m", "axon.main"]


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
    environment = {f"AXON_{name.upper()}": value for name, value in settings.items()}
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
            _wait_until_ready(client)
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _wait_until_ready(client: httpx.Client) -> None:
    import time

    for _ in range(600):
        if client.get("/readyz").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError(client.get("/readyz?verbose").text)
