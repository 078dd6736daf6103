"""From a version in the registry to a model that can answer: verified, loaded, compared with its spec, and warm.

`service.models.watcher` calls it in the background. It imports what computes when it is called and not before.
"""

import itertools
import logging
from importlib.util import find_spec
from pathlib import Path

import orjson

from features.fitted import FittedSpec
from features.spec import FeatureSpec
from history import StoreError
from history.packed.packed import PackedHistory
from history.stores.opening import open_store
from registry.manifest import HISTORY, WARMUP, Manifest, OnnxGraph, verify
from registry.version import Version
from service.errors import LoadError, ServiceError
from service.models.examples import example_rows
from service.models.live import LiveModel, Runtime
from service.past.filling import Pasts
from service.past.past import Past
from service.past.sources import Live, Snapshot
from service.ranking.rank_request import example_question
from service.scoring.scorer import score
from service.settings import RuntimeName

log = logging.getLogger(__name__)

WARM_UP_ROWS = (1, 10, 100)
"""Sizes of the requests that are scored before the service says that it is ready."""


def load_version(
    version: Version,
    *,
    threads: int | None = None,
    history: str | None = None,
    runtime: RuntimeName = "auto",
) -> LiveModel:
    """Verify every checksum, load the network, check that it takes what its spec says, and warm it up.

    Args:
        version: What to load.
        threads: Cores for scoring, the same for every version of one process; None for all.
        history: Address of the store of what happened before; None for what was packed with the version.
        runtime: What computes; auto is ONNX Runtime where the version carries graphs for it.

    Raises:
        IntegrityError: If a file of the version is not what its manifest says.
        LoadError: If the model or its history cannot be opened, or it does not answer the warm-up requests.
    """
    manifest = verify(version.directory)
    fitted = version.fitted_spec()
    past, pasts = _past(version, manifest, fitted.spec, history)
    computes = _runtime(version, manifest, fitted, runtime, threads)
    live = LiveModel(version, manifest, fitted, computes, past, pasts)
    warm_up(live)
    if live.waits:
        tell_of_past(live)
    return live


def _runtime(
    version: Version, manifest: Manifest, fitted: FittedSpec, name: RuntimeName, threads: int | None
) -> Runtime:
    """What computes the version's answers, imported here and not before: TensorFlow takes seconds, and must not fork."""
    carried = OnnxGraph.JOINT.file in manifest.files
    if name == "onnx" or (name == "auto" and carried and find_spec("onnxruntime")):
        if not carried:
            raise LoadError(
                f"{version} has no ONNX graphs: its report says why, or it is older than they are; train it anew, or "
                "serve it with AXON_RUNTIME=tensorflow"
            )
        from service.models.onnx_model import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime(version.directory, fitted, threads)
    if not find_spec("tensorflow"):
        raise LoadError(
            f"{version} has no ONNX graphs, and TensorFlow is not installed: pip install 'axon-ctr[serve]'"
            if not carried
            else "TensorFlow is not installed: pip install 'axon-ctr[serve]', or serve with AXON_RUNTIME=onnx"
        )
    from service.models.saved_model import SavedModelRuntime, use_threads  # noqa: PLC0415

    if threads is not None:
        use_threads(threads)
    return SavedModelRuntime(version.directory, fitted.spec.raw_inputs())


def _past(
    version: Version, manifest: Manifest, spec: FeatureSpec, address: str | None
) -> tuple[Past | None, Pasts | None]:
    """What the model asks about the past, if it does; and both that it may ask where there is a store."""
    if not spec.history:
        return None, None
    try:
        store = open_store(address, version.name) if address else None
        if store is not None and address == "memory:":
            return Past(Live(spec, store), spec, manifest), None  # nobody else could fill it
        snapshot = Past(
            Snapshot(PackedHistory.open(version.directory / HISTORY, spec.history)), spec, manifest
        )
        if store is None:
            return snapshot, None
        pasts = Pasts(store, tuple(spec.history), Past(Live(spec, store), spec, manifest), snapshot)
        return pasts.now(), pasts
    except StoreError as error:
        raise LoadError(f"{version} looks at history, which cannot be opened: {error}") from error


def tell_of_past(live: LiveModel) -> None:
    """Say in the log where a model looks now that was told of a store."""
    if live.waits:
        log.warning(
            "%s answers from its own snapshot: nobody has filled the store of AXON_HISTORY with its history yet, which axon remember does",
            live.origin,
        )
    else:
        log.info("%s answers from the store of AXON_HISTORY", live.origin)


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


def warm_up_ranking(live: LiveModel) -> None:
    """Rank with the model, at several sizes; one that was exported without states is warned about, and goes on scoring."""
    rows = _packed_rows(live.origin.directory / WARMUP) or example_rows(live.fitted)
    try:
        for size in WARM_UP_ROWS:
            live.ranking.rank([example_question(rows, size)])
    except ServiceError as error:
        log.warning("%s cannot rank: %s", live.origin, error)


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
