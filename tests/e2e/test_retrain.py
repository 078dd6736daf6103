"""`axon retrain` through the real command line: the same again, a sabotaged log, a log that has drifted, and other starts."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from features.encoder import Encoder
from features.fitted import FittedSpec, FittedVocabulary
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, MANIFEST, REPORT
from registry.reference import ModelRef
from tests.e2e.conftest import AXON, Shop, axon
from training.config import load_config
from training.errors import GateClosedError
from training.fitting.warm_start import ColdError, Start
from training.gate.champion import champion_of
from training.models import Regularisation, build

TEST_FROM = 0.65
"""Where the shop's held-out slice begins."""


@pytest.fixture
def registry(shop: Shop, tmp_path: Path) -> Path:
    """A registry with the shop's champion that a test may change."""
    return Path(shutil.copytree(shop.registry, tmp_path / "models"))


def write_task(shop: Shop, directory: Path, log: pl.DataFrame | None = None, **changes: dict) -> Path:
    """The shop's task beside a log of its own."""
    data = Path(shutil.copytree(shop.data, directory / "data"))
    if log is not None:
        log.write_csv(data / "log.csv")
    return shop.write(directory / "axon.yaml", shop.document(data={"root": "data"}, **changes))


def read_log(shop: Shop) -> pl.DataFrame:
    return pl.read_csv(shop.data / "log.csv", infer_schema=False)


def outcome_of(directory: Path) -> dict:
    (path,) = directory.glob("runs/*/outcome.json")
    return json.loads(path.read_text())


def champion(registry: Path):
    return LocalRegistry(registry).resolve(ModelRef.parse("shop"))


def test_the_same_data_configuration_and_seed_give_the_same_weights_byte_for_byte(
    shop: Shop, registry: Path, tmp_path: Path
):
    axon("retrain", write_task(shop, tmp_path), "--registry", registry, cwd=tmp_path)
    first, second = (registry / "shop" / number / "variables" for number in ("1", "2"))
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert [(first / name).read_bytes() == (second / name).read_bytes() for name in names] == [True] * 2
    (run,) = tmp_path.glob("runs/shop-*")
    assert {path.name for path in run.iterdir()} == {
        "axon.yaml", "data.json", "log.jsonl", "outcome.json", "report.html", "report.json",
    }  # fmt: skip
    assert (outcome_of(tmp_path)["outcome"], outcome_of(tmp_path)["version"]) == ("published", 2)
    duel = json.loads((run / "report.json").read_text())["duel"]
    assert (duel["version"], duel["log_loss_increase"]["estimate"]) == (1, 0.0)


def test_the_next_run_tells_of_one_that_was_killed(shop: Shop, registry: Path, tmp_path: Path):
    task = write_task(shop, tmp_path)
    with subprocess.Popen(
        [*AXON, "retrain", task, "--registry", registry, "-q"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as run:
        while not (logs := list(tmp_path.glob("runs/*/log.jsonl"))):
            assert run.poll() is None
            time.sleep(0.02)
        run.kill()
    (tmp_path / "data" / "log.csv").unlink()  # the next one need not get far
    assert axon("retrain", task, "--registry", registry, cwd=tmp_path, check=False).returncode == 1
    killed = json.loads(logs[0].with_name("outcome.json").read_text())
    assert (killed["outcome"], killed["run"]) == ("failed", logs[0].parent.name)
    assert killed["reasons"][0].startswith("it was killed, ")
    noted = LocalRegistry(registry).outcomes("shop")
    assert [(one.ending, one.run == killed["run"]) for one in noted] == [("failed", True), ("failed", False)]


@dataclass(frozen=True)
class Refused:
    """A retraining that the gate refused, and where it left things."""

    directory: Path
    registry: Path
    said: str

    @property
    def run(self) -> Path:
        (run,) = self.directory.glob("runs/shop-*")
        return run

    def publish(self, *options: str) -> subprocess.CompletedProcess:
        return axon(
            "publish", self.run, "--registry", self.registry, *options, cwd=self.directory, check=False
        )


@pytest.fixture(scope="module")
def sabotaged(shop: Shop, tmp_path_factory) -> Refused:
    """Trained on shuffled labels of everybody on a phone; the held-out slice is as it was."""
    directory = tmp_path_factory.mktemp("sabotaged")
    registry = Path(shutil.copytree(shop.registry, directory / "models"))
    log = read_log(shop)
    users = pl.read_csv(shop.data / "users.csv", infer_schema=False)
    devices = log.join(users, on="user_id", how="left", maintain_order="left")["device"].to_numpy()
    times = log["time_ms"].cast(pl.Int64).to_numpy()
    early = np.flatnonzero((devices == "phone") & (times < np.quantile(times, TEST_FROM)))
    clicked = log["clicked"].to_numpy().copy()
    clicked[early] = np.random.default_rng(0).permutation(clicked[early])
    config = write_task(shop, directory, log.with_columns(clicked=pl.Series(clicked)))
    done = axon("retrain", config, "--registry", registry, cwd=directory, check=False)
    assert done.returncode == 1
    return Refused(directory, registry, done.stderr)


def test_a_refusal_is_noted_beside_the_versions(sabotaged: Refused):
    (noted,) = LocalRegistry(sabotaged.registry).outcomes("shop")
    assert (noted.ending, noted.run) == ("refused", sabotaged.run.name)
    assert noted.reasons


def test_a_challenger_sabotaged_in_one_segment_is_refused_with_that_segment_named(sabotaged: Refused):
    assert "segment device = phone: log loss 0." in sabotaged.said
    assert champion(sabotaged.registry).number == 1
    assert (sabotaged.run / "bundle" / MANIFEST).exists()
    assert outcome_of(sabotaged.directory)["outcome"] == "refused"


def test_publishing_a_refused_bundle_by_hand_asks_the_same_gate_without_its_log(sabotaged: Refused):
    shutil.rmtree(sabotaged.directory / "data")
    done = sabotaged.publish()
    assert done.returncode == 1
    (reason,) = [part for part in sabotaged.said.split("; ") if "segment device = phone" in part]
    assert reason.removeprefix("axon: not published: ") in done.stderr
    assert champion(sabotaged.registry).number == 1


def test_a_bundle_whose_judges_are_gone_is_refused_until_it_is_forced(sabotaged: Refused, tmp_path: Path):
    bundle = shutil.copytree(sabotaged.run / "bundle", tmp_path / "bundle")
    registry = shutil.copytree(sabotaged.registry, tmp_path / "models")
    report = json.loads((bundle / REPORT).read_text())
    assert report["duel"]["version"] == 1
    LocalRegistry(registry).publish(registry / "shop" / "1", "shop")
    asked = ("publish", bundle, "--registry", registry)
    done = axon(*asked, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "it cannot be held against the champion, version 2: the impressions that judged it" in done.stderr
    axon(*asked, "--force", "phones are not sold any more", cwd=tmp_path)
    assert champion(registry).number == 3
    assert "forced: phones are not sold any more" in LocalRegistry(registry).state("shop").moves[-1].reason


def test_a_log_that_has_drifted_is_refused_before_anything_is_trained(
    shop: Shop, registry: Path, tmp_path: Path
):
    log = read_log(shop).with_columns(position=pl.lit("1"))
    done = axon("retrain", write_task(shop, tmp_path, log), "--registry", registry, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "column 'position' has drifted: PSI " in done.stderr
    assert "'1': 2" in done.stderr
    assert "% before, 100.0% now" in done.stderr
    assert outcome_of(tmp_path)["outcome"] == "drifted"
    (stages,) = tmp_path.glob("runs/*/log.jsonl")
    assert "training" not in stages.read_text()


def test_a_champion_that_needs_a_column_which_the_log_lacks_is_refused_unless_the_policy_lets_it_be(
    shop: Shop, registry: Path, tmp_path: Path
):
    path = write_task(shop, tmp_path, read_log(shop).drop("position"))
    document = yaml.safe_load(path.read_text())
    document["features"]["context"] = [
        part for part in document["features"]["context"] if part.get("name") != "position"
    ]
    config = load_config(shop.write(path, document))
    with pytest.raises(GateClosedError, match=r"champion shop/1 cannot answer for this log: .*'position'"):
        champion_of(champion(registry), config, tmp_path / "data")
    policy = {"gate": {"champion": {"incomparable": "baselines"}}}
    lenient = load_config(shop.write(path, document | policy))
    note = champion_of(champion(registry), lenient, tmp_path / "data")
    assert isinstance(note, str)
    assert note.endswith("the baselines judged alone.")


def grown(fitted: FittedSpec) -> FittedSpec:
    """The same with a new brand in front of the others."""
    brands = fitted.fitted["brand"]
    assert isinstance(brands, FittedVocabulary)
    more = FittedVocabulary(tokens=("newcomer", *brands.tokens))
    return fitted.model_copy(update={"fitted": {**fitted.fitted, "brand": more}})


def test_a_warm_start_keeps_the_rows_of_known_ids_and_leaves_new_ones_fresh(
    shop: Shop, registry: Path, tmp_path: Path
):
    version, config = champion(registry), load_config(shop.config)
    old = FittedSpec.model_validate_json((version.directory / FEATURE_SPEC).read_bytes())
    new = grown(old)
    layout = Encoder(new, tmp_path).layout
    network = build(layout, config.model, Regularisation()).built_for_layout()
    fresh = np.copy(network.embedding.table.numpy())
    start = Start.of(version, config, new)
    start.give_to(network)
    champions, ours = start.networks[0].embedding, network.embedding
    count, oov = new.rows_of(feature_of(new, "brand")), 2
    known = ours.table.numpy()[ours.first_rows["brand"] :][:count]
    learned = champions.table.numpy()[champions.first_rows["brand"] :][: count - 1]
    np.testing.assert_array_equal(known[oov + 1 :], learned[oov:])
    np.testing.assert_array_equal(known[oov], fresh[ours.first_rows["brand"] + oov])
    for mine, theirs in zip(network.weights, start.networks[0].weights, strict=True):
        if mine.shape == theirs.shape:
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_a_champion_with_another_network_cannot_be_started_from(shop: Shop, registry: Path):
    version = champion(registry)
    fitted = FittedSpec.model_validate_json((version.directory / FEATURE_SPEC).read_bytes())
    config = load_config(shop.config)
    deeper = config.model_copy(update={"model": config.model.model_copy(update={"hidden": (8,)})})
    with pytest.raises(ColdError, match="another network"):
        Start.of(version, deeper, fitted)


def feature_of(fitted: FittedSpec, name: str):
    return next(feature for feature in fitted.spec.features() if feature.name == name)
