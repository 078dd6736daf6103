"""A small sealed bundle, made of plain files: the registry never looks into the model."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.fitted import FittedSpec, NothingFitted
from features.spec import FeatureSpec, Hashed
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, BundleFacts, write_manifest

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


@pytest.fixture
def run_script() -> RunScript:
    """Runs Python source in a process of its own, from the repository's root."""

    def run(source: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", source, *map(str, arguments)]
        return subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120
        )

    return run
