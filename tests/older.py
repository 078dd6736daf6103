"""Bundles as an earlier Axon wrote them, whose features had fewer keys."""

import hashlib
import json
from pathlib import Path

from registry.manifest import FEATURE_SPEC, BundleFacts, write_manifest


def forget(key: str, bundle: Path, facts: BundleFacts) -> None:
    """Take a key out of every feature of a bundle, and seal it with the fingerprints that it had without."""
    document = json.loads((bundle / FEATURE_SPEC).read_text())
    features = [feature for side in ("user", "item", "context") for feature in document["spec"][side]]
    assert any(key in feature for feature in features)
    for feature in features:
        feature.pop(key, None)
    written = json.dumps(document, separators=(",", ":"))
    (bundle / FEATURE_SPEC).write_text(written)
    spec = json.dumps(document["spec"], sort_keys=True, separators=(",", ":"))
    said = facts.model_dump(include=set(BundleFacts.model_fields))
    then = {"spec_fingerprint": _digits(spec), "fitted_fingerprint": _digits(written)}
    write_manifest(bundle, BundleFacts.model_validate(said | then))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
