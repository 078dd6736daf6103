"""`axon train` and what it leaves behind, through the real command line."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from registry.local import LocalRegistry
from registry.manifest import verify
from registry.reference import ModelRef
from tests.e2e.conftest import Shop, axon


def test_a_published_version_is_whole_and_is_the_champion(shop: Shop):
    version = LocalRegistry(shop.registry).resolve(ModelRef.parse("shop@champion"))
    assert version.number == 1
    assert verify(version.directory).family == "mlp"


def test_a_run_leaves_its_report_as_json_and_as_a_page_and_no_work_files(shop: Shop):
    run = shop.directory / shop.answer["run"]
    assert {path.name for path in run.iterdir()} == {"report.json", "report.html", "axon.yaml"}
    assert "<script src" not in (run / "report.html").read_text()


def test_the_report_shows_the_model_beside_the_prior_and_one_neuron(shop: Shop):
    report = shop.answer["report"]
    assert report["slice"] == "test"
    assert {"prior", "logistic"} <= set(report["baselines"])
    assert report["metrics"]["log_loss"] < report["baselines"]["prior"]["log_loss"]
    assert {segment["column"] for segment in report["segments"]} == {"device", "category", "age_band"}


def test_slices_follow_each_other_in_time(shop: Shop):
    slices = shop.answer["report"]["data"]["slices"]
    assert slices["train"]["last"] <= slices["validation"]["first"]
    assert slices["validation"]["last"] <= slices["test"]["first"]


@pytest.fixture(scope="module")
def unpublished(shop: Shop, tmp_path_factory) -> tuple[Path, dict]:
    """A quick run that publishes nothing, of a log with a damaged row, with a curve for each device: where, and its answer."""
    directory = tmp_path_factory.mktemp("unpublished")
    shutil.copytree(shop.data, directory / "data")
    lines = (directory / "data" / "log.csv").read_text().splitlines(keepends=True)
    lines.insert(100, "only,three,fields\n")
    (directory / "data" / "log.csv").write_text("".join(lines))
    calibration = {"kind": "platt", "segment": "device", "min_clicks": 50}
    document = _quick(shop) | {"training": {"epochs": 1, "calibration": calibration}}
    document["data"]["root"] = "data"
    config = shop.write(directory / "axon.yaml", document)
    return directory, json.loads(axon("train", config, "--no-publish", "--json", cwd=directory).stdout)


def test_an_unpublished_bundle_stays_and_can_be_published_later(unpublished):
    directory, answer = unpublished
    assert answer["version"] is None
    assert not (directory / "models").exists()
    bundle = directory / answer["run"] / "bundle"
    published = json.loads(axon("publish", bundle, "--json", cwd=directory).stdout)
    expected = {"model": "shop", "version": 1, "alias": "champion", "gate": ["the first champion"]}
    assert published == expected


def test_a_row_with_a_wrong_number_of_fields_is_set_apart_and_the_run_goes_on(unpublished):
    directory, answer = unpublished
    assert answer["report"]["data"]["bad_rows"] == 1
    (bad,) = (directory / answer["run"] / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(bad)["line"] == 101


def test_curves_per_segment_are_tried_beside_one_for_all(unpublished):
    tried = unpublished[1]["report"]["calibration_choice"]["tried"]
    assert [(found["kind"], found["per_segment"]) for found in tried] == [("platt", False), ("platt", True)]


def test_a_model_that_the_gate_refuses_is_not_published_and_its_bundle_stays(shop: Shop, tmp_path):
    document = _quick(shop) | {"gate": {"beat": ["prior"], "min_auc": 0.999}}
    config = shop.write(tmp_path / "axon.yaml", document)
    done = axon("train", config, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "gate.min_auc" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models" / "shop" / "1").exists()
    assert len(list(tmp_path.glob("runs/*/bundle/saved_model.pb"))) == 1


def test_a_row_that_cannot_be_read_gets_no_probability_and_keeps_its_line(shop: Shop, tmp_path):
    lines = (shop.data / "log.csv").read_text().splitlines(keepends=True)[:50]
    lines.insert(7, "1772406031512,u000001\n")
    (tmp_path / "in.csv").write_text("".join(lines))
    done = axon(
        "score", shop.config, tmp_path / "in.csv", tmp_path / "out.csv", "--registry", shop.registry, "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout)["bad_rows"] == 1
    probabilities = pl.read_csv(tmp_path / "out.csv")["probability"]
    assert len(probabilities) == 50
    assert [place for place, missing in enumerate(probabilities.is_null()) if missing] == [6]
    assert json.loads((tmp_path / "out.csv.quarantine.jsonl").read_text())["line"] == 8


def test_a_file_none_of_whose_rows_can_be_read_is_refused(shop: Shop, tmp_path):
    header, *lines = (shop.data / "log.csv").read_text().splitlines(keepends=True)[:4]
    (tmp_path / "in.csv").write_text("".join([header, *("x" + line for line in lines)]))
    done = axon(
        "score", shop.config, tmp_path / "in.csv", tmp_path / "out.csv", "--registry", shop.registry,
        cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "expected a row that can be read, got none in 3: in.csv line 2: column 'time_ms'" in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert len((tmp_path / "out.csv.quarantine.jsonl").read_text().splitlines()) == 3


def test_the_file_that_is_scored_is_not_replaced(shop: Shop, tmp_path):
    rows = "".join((shop.data / "log.csv").read_text().splitlines(keepends=True)[:4])
    (tmp_path / "in.csv").write_text(rows)
    files = (tmp_path / "in.csv", "in.csv")
    done = axon("score", shop.config, *files, "--registry", shop.registry, cwd=tmp_path, check=False)
    assert (done.returncode, (tmp_path / "in.csv").read_text()) == (1, rows)
    assert "expected another output file than in.csv" in done.stderr


def test_what_streaming_does_not_change_is_told_and_not_what_tensorflow_says_when_it_starts(
    shop: Shop, tmp_path
):
    lines = (shop.data / "log.csv").read_text().splitlines(keepends=True)[:4]
    (tmp_path / "in.csv").write_text("".join(lines))
    files = (tmp_path / "in.csv", tmp_path / "out.csv")
    done = axon("score", shop.config, *files, "--registry", shop.registry, "--stream", "--json", cwd=tmp_path)
    assert done.stderr == ""
    assert "shop/1 looks at nothing of the past: --stream changes nothing" in " ".join(
        json.loads(done.stdout)["notes"]
    )


def test_quiet_prints_nothing(shop: Shop, tmp_path):
    done = axon("models", "--registry", shop.registry, "-q", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")


def test_models_lists_versions_and_aliases(shop: Shop, tmp_path):
    done = axon("models", "--registry", shop.registry, "--json", cwd=tmp_path)
    (row,) = json.loads(done.stdout)["versions"]
    assert (row["model"], row["version"], row["aliases"]) == ("shop", 1, ["champion"])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(["train", "nowhere.yaml"], 1, "nowhere.yaml", id="no task file"),
        pytest.param(
            ["score", "{config}", "in.csv", "out.csv", "--model", "hat"], 1, "hat", id="no such model"
        ),
        pytest.param(["train"], 2, "CONFIG", id="an argument is missing"),
        pytest.param(["train", "{config}", "--sed", "3"], 2, "--seed", id="an unknown option"),
    ],
)
def test_exit_codes(shop: Shop, tmp_path: Path, arguments, code, told):
    filled = [argument.format(config=shop.config) for argument in arguments]
    done = axon(*filled, cwd=shop.directory, check=False)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def _quick(shop: Shop) -> dict:
    """A task that trains in a few seconds."""
    return shop.document(
        data={"root": str(shop.data)},
        training={"epochs": 1},
        model={"hidden": [8]},
        report={"importance": False},
    )


def test_probabilities_learned_on_a_fifth_of_the_non_clicks_are_those_of_the_whole_log(shop: Shop, tmp_path):
    learning = {"training": {"epochs": 2, "keep_rate": 0.2, "calibration": "none"}}
    document = shop.document(data={"root": str(shop.data)}, report={"importance": False}, **learning)
    config = shop.write(tmp_path / "axon.yaml", document)
    answer = json.loads(axon("train", config, "--no-publish", "--json", cwd=tmp_path).stdout)
    # Without the correction five times as many clicks would be promised as come.
    assert answer["report"]["metrics"]["calibration_ratio"] == pytest.approx(1.0, abs=0.2)
