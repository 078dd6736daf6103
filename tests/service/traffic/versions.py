"""Versions of one model that answer differently, in a registry, for tests with several of them live at once."""

import shutil
from pathlib import Path

from registry.local import LocalRegistry
from registry.manifest import EXTRA, FEATURE_SPEC, write_manifest
from tests.service.conftest import FITTED, make_facts, save_model

CHAMPION, CHALLENGER, SHADOW = 1, 2, 3
BIASES = {CHAMPION: -1.0, CHALLENGER: -2.0, SHADOW: -2.0}
"""Of the logit, by version."""


def publish_versions(directory: Path, model: Path) -> LocalRegistry:
    """Three versions whose users are told apart by ``city``; the aliases say which is which.

    Args:
        directory: Where the registry is made.
        model: The champion's, which exists; to export another one takes a second.
    """
    registry = LocalRegistry(directory / "models")
    other = directory / "other"
    save_model(other, bias=BIASES[CHALLENGER])
    for number, source in {CHAMPION: model, CHALLENGER: other, SHADOW: other}.items():
        bundle = directory / f"bundle-{number}"
        shutil.copytree(source, bundle)
        (bundle / EXTRA).mkdir(exist_ok=True)
        (bundle / FEATURE_SPEC).write_text(FITTED.model_dump_json())
        write_manifest(bundle, make_facts().model_copy(update={"user_key": "city", "item_key": "ad_id"}))
        registry.publish(bundle, "shop", alias=None)
        shutil.rmtree(bundle)
    for alias, number in (("champion", CHAMPION), ("challenger", CHALLENGER), ("shadow", SHADOW)):
        registry.set_alias("shop", alias, number)
    return registry
