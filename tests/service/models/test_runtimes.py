"""One published version in both runtimes, each in a process of its own: same answers, a fraction of memory and time."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.encoder import Encoder
from registry.local import LocalRegistry
from registry.manifest import OnnxGraph, write_manifest
from service.errors import LoadError
from service.models.loader import load_version
from service.models.onnx_model import OnnxRuntime
from service.models.saved_model import SavedModelRuntime
from tests.service.conftest import FITTED, NOON_MS, REPOSITORY, ROW, make_facts
from tests.training.conftest import draw_weights, make_network

ROWS = [
    ROW,
    {"user": {"city": "atlantis"}, "item": {"tags": ["blue", "new", "red", "red"]}, "context": {}},
    {"user": {"age": 1e30}, "item": {"ad_id": "größe", "published": 0}, "context": {"shown_at": NOON_MS}},
]
LOG = pl.DataFrame(
    {
        "city": ["berlin", "", "new"] * 10,
        "age": np.linspace(-5, 90, 30, dtype=np.float32),
        "ad_id": [f"ad_{number}" for number in range(30)],
        "tags": [["red"], [], ["blue", "new"]] * 10,
        "published": [NOON_MS - 1000 * number for number in range(30)],
        "shown_at": [NOON_MS] * 30,
    }
)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """A small network, exported with its graphs for ONNX Runtime, and published."""
    from training.calibration import IDENTITY
    from training.export.export import BundleTexts, ServingModel, export
    from training.export.onnx_check import checked_graphs, store

    encoder = Encoder(FITTED, tmp_path_factory.mktemp("vocabularies"))
    network = make_network(encoder.layout, family="final_mlp")
    draw_weights(network)
    # Drawn weights make logits of hundreds; so that probabilities tell anything, they are scaled down.
    network.set_weights([0.3 * weight for weight in network.get_weights()])
    serving = ServingModel(encoder, network, 1.0, IDENTITY)
    bundle = tmp_path_factory.mktemp("run") / "bundle"
    export(serving, bundle, BundleTexts("{}", "", ""), LOG[:4])
    store(checked_graphs(serving, LOG), bundle)
    write_manifest(bundle, make_facts())
    return LocalRegistry(tmp_path_factory.mktemp("registry")).publish(bundle, "shop")


@pytest.fixture(scope="module")
def services(start, version, tmp_path_factory):
    """A service per runtime, ready."""
    registry = version.directory.parents[1]
    entities = f"sqlite:{tmp_path_factory.mktemp('entities') / 'catalog.sqlite'}"
    settings = {"registry": registry, "entities": entities}
    with (
        start(**settings, runtime="onnx") as onnx,
        start(**settings, runtime="tensorflow") as tensorflow,
    ):
        onnx.wait_until_ready()
        tensorflow.wait_until_ready()
        yield {"onnx": onnx, "tensorflow": tensorflow}


def logits_of(answer):
    probabilities = np.array(answer.json()["probabilities"])
    return np.log(probabilities) - np.log1p(-probabilities)


def resident_mb(service):
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024


def test_both_runtimes_answer_alike_over_http(services):
    onnx, tensorflow = (logits_of(service.score(*ROWS)) for service in services.values())
    assert onnx == pytest.approx(tensorflow, abs=1e-5)


def test_the_rows_are_told_apart(services):
    assert len(set(services["onnx"].score(*ROWS).json()["probabilities"])) == 3


def test_both_runtimes_refuse_a_row_alike(services):
    wrong = {"user": {"age": "old"}, "item": {}, "context": {}}
    onnx, tensorflow = (service.score(wrong) for service in services.values())
    assert (onnx.status_code, onnx.json()) == (tensorflow.status_code, tensorflow.json())


def test_the_onnx_process_has_not_loaded_tensorflow(services):
    assert "tensorflow" not in Path(f"/proc/{services['onnx'].process.pid}/maps").read_text()


@pytest.fixture(scope="module")
def modules(version):
    """Everything that a process imports to load the version and to answer."""
    source = (
        "import sys, service.app; from pathlib import Path; from registry.version import Version; "
        "from service.models.loader import load_version; "
        "load_version(Version('shop', 1, Path(sys.argv[1]))); print(*sys.modules)"
    )
    command = [sys.executable, "-c", source, str(version.directory)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", ["tensorflow", "keras", "onnx", "tf2onnx", "polars", "scipy", "training"])
def test_answering_with_onnx_runtime_does_not_import(modules, name):
    assert name not in modules


def test_the_onnx_process_takes_a_third_of_the_memory(services):
    onnx, tensorflow = (resident_mb(service) for service in services.values())
    assert onnx < 0.35 * tensorflow


@pytest.fixture(scope="module")
def runtimes(version):
    fitted = version.fitted_spec()
    return OnnxRuntime(version.directory, fitted), SavedModelRuntime(
        version.directory, fitted.spec.raw_inputs()
    )


def arrays_of(version, rows):
    return load_version(version, runtime="onnx").reader.read(rows).arrays


def test_states_and_the_joint_part_answer_as_the_whole_path(version, runtimes):
    arrays = arrays_of(version, ROWS)
    for runtime in runtimes:
        users = runtime.user_states({name: arrays[name] for name in ("city", "age", "shown_at")})
        items = runtime.item_states({name: arrays[name] for name in ("ad_id", "tags")})
        of_user = np.arange(3, dtype=np.int32)
        joint = {name: arrays[name] for name in ("published", "shown_at")}
        parts = runtime.joint(users, of_user, items, joint)["probability"]
        assert parts == pytest.approx(runtime.probabilities(arrays)["probability"], rel=1e-5)


def test_states_are_alike_in_both_runtimes(version, runtimes):
    arrays = {name: arrays_of(version, ROWS)[name] for name in ("ad_id", "tags")}
    onnx, tensorflow = (runtime.item_states(arrays) for runtime in runtimes)
    assert np.array_equal(onnx.ids, tensorflow.ids)
    assert onnx.numbers == pytest.approx(tensorflow.numbers, rel=1e-5)


def test_auto_takes_onnx_where_the_version_carries_it(version):
    assert isinstance(load_version(version).runtime, OnnxRuntime)


def test_auto_takes_tensorflow_where_the_version_does_not(published):
    assert isinstance(load_version(published).runtime, SavedModelRuntime)


def test_onnx_for_a_version_without_it_is_refused_with_advice(published):
    with pytest.raises(LoadError, match=r"shop/1 has no ONNX graphs.*train it anew.*AXON_RUNTIME=tensorflow"):
        load_version(published, runtime="onnx")


def test_a_broken_graph_is_refused_by_its_file(version, tmp_path):
    for graph in OnnxGraph:
        path = tmp_path / graph.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no graph")
    with pytest.raises(LoadError, match=r"ONNX Runtime cannot load .*user_state\.onnx"):
        OnnxRuntime(tmp_path, version.fitted_spec())
