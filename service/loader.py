"""From a version in the registry to a model that can answer: verified, loaded, compared with its spec, and warm.

`service.watcher` calls it in the background. It imports TensorFlow when it is called and not before.
"""

import itertools
from pathlib import Path

import orjson

from features.spec import FeatureSpec
from history import History, StoreError
from history.stores.opening import open_store
from history.stores.sqlite import SqliteStore
from registry.manifest import HISTORY, WARMUP, Manifest, verify
from registry.version import Version
from service.errors import LoadError, ServiceError
from service.examples import example_rows
from service.live import LiveModel
from service.past import Past
from service.scorer import score

WARM_UP_ROWS = (1, 2, 10, 100, 1000)
"""Sizes of the requests that are scored before the service says that it is ready."""


def load_version(version: Version, *, threads: int | None = None, history: str | None = None) -> LiveModel:
    """Verify every checksum, load the SavedModel, check that it takes what its spec says, and warm it up.

    Args:
        version: What to load.
        threads: Cores for TensorFlow, the same for every version of one process; None for all.
        history: Address of the store of what happened before; None for what was packed with the version.

    Raises:
        IntegrityError: If a file of the version is not what its manifest says.
        LoadError: If the model or its history cannot be opened, or it does not answer the warm-up requests.
    """
    manifest = verify(version.directory)
    fitted = version.fitted_spec()
    past = _past(version, manifest, fitted.spec, history)
    # TensorFlow takes seconds to import, and must not be in a process that forks.
    from service.saved_model import SavedModelRuntime, use_threads  # noqa: PLC0415

    if threads is not None:
        use_threads(threads)
    runtime = SavedModelRuntime(version.directory, fitted.spec.raw_inputs())
    live = LiveModel(version, manifest, fitted, runtime, past)
    warm_up(live)
    return live


def _past(version: Version, manifest: Manifest, spec: FeatureSpec, address: str | None) -> Past | None:
    """What the model may ask about the past, if it does."""
    if not spec.history:
        return None
    try:
        # Read where it lies: a million keys would take 230 MB of memory, and save a third of a millisecond per hundred rows.
        store = (
            open_store(address, version.name)
            if address
            else SqliteStore(version.directory / HISTORY, read_only=True)
        )
    except StoreError as error:
        raise LoadError(f"{version} looks at history, which cannot be opened: {error}") from error
    return Past(History(spec.history, store), spec, manifest)


def warm_up(live: LiveModel) -> None:
    """Score what was packed with the version, at several sizes, so that no client pays for first calls.

    Raises:
        LoadError: If one of the requests is not answered with probabilities.
    """
    rows = _packed_rows(live.origin.directory / WARMUP) or example_rows(live.fitted)
    try:
        for size in (len(rows), *WARM_UP_ROWS):
            score(list(itertools.islice(itertools.cycle(rows), size)), live)
    except ServiceError as error:
        raise LoadError(f"{live.origin} does not answer its warm-up requests: {error}") from error


def _packed_rows(path: Path) -> list[object]:
    """Rows of the request that was packed with the version; none if it has none."""
    if not path.is_file():
        return []
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise LoadError(f'{path}: expected the body of a score request, {{"rows": [...]}}')
    return list(document["rows"])
