"""A small sealed bundle, made of plain files: the registry never looks into the model."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.fitted import FittedSpec, NothingFitted
from features.spec import FeatureSpec, Hashed
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, BundleFacts, write_manifest
from registry.opening import open_registry
from registry.registry import Registry
from tests.registry.store import environment, free_port, object_store

REPOSITORY = Path(__file__).parents[2]
FITTED = FittedSpec(
    spec=FeatureSpec(item=(Hashed(name="ad_id", buckets=8),)), fitted={"ad_id": NothingFitted()}
)

MakeBundle = Callable[..., Path]
RunScript = Callable[..., subprocess.CompletedProcess[str]]


def make_facts(name: str = "shop", **changes: object) -> BundleFacts:
    facts: dict[str, object] = {
        "name": name,
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "code_version": "0.1.0",
        "tensorflow_version": "2.21.0",
        "spec_fingerprint": FITTED.spec.fingerprint(),
        "fitted_fingerprint": FITTED.fingerprint(),
        "family": "mlp",
    }
    return BundleFacts.model_validate({**facts, **changes})


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Writes and seals a bundle; `files` adds to it, content by path."""

    def make(name: str = "shop", files: dict[str, bytes] | None = None, *, sealed: bool = True) -> Path:
        bundle = tmp_path / "runs" / f"run-{len(list(tmp_path.glob('runs/*')))}" / "bundle"
        for relative, content in {
            "saved_model.pb": b"graph",
            "variables/variables.index": b"index",
            FEATURE_SPEC: FITTED.model_dump_json().encode(),
            **(files or {}),
        }.items():
            (bundle / relative).parent.mkdir(parents=True, exist_ok=True)
            (bundle / relative).write_bytes(content)
        (bundle / "assets").mkdir(exist_ok=True)
        if sealed:
            write_manifest(bundle, make_facts(name))
        return bundle

    return make


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "models")


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The address of an empty bucket, on a real server."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch, object_store(port):
        for name, value in environment(port).items():
            patch.setenv(name, value)
        yield "s3://bucket"


@pytest.fixture
def store_address(bucket: str) -> str:
    """A prefix of the bucket that nobody else uses."""
    return f"{bucket}/{uuid.uuid4().hex}"


@pytest.fixture
def remote(store_address: str, tmp_path: Path) -> Registry:
    return open_registry(store_address, cache=tmp_path / "cache")


@pytest.fixture(params=["directory", "object store"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    """Each kind of registry."""
    if request.param == "directory":
        return LocalRegistry(tmp_path / "models")
    remote: Registry = request.getfixturevalue("remote")
    return remote


@pytest.fixture
def run_script() -> RunScript:
    """Runs Python source in a process of its own, from the repository's root."""

    def run(source: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", source, *map(str, arguments)]
        return subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120
        )

    return run
