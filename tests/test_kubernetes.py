"""The Kubernetes manifests: what the API server would refuse, and what they must agree on with images and commands."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from axon.main import app, register

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
VERSION = "1.33"
"""The API that the manifests are checked against; all of it is in every later one."""

OBJECTS = {
    (found["kind"], found["metadata"]["name"]): found
    for path in sorted(FOLDER.glob("*.yaml"))
    for found in yaml.safe_load_all(path.read_text())
}


def containers():
    """The container of the service and that of the retraining."""
    deployment = OBJECTS["Deployment", "axon"]["spec"]["template"]["spec"]
    job = OBJECTS["CronJob", "axon-retrain"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return deployment, job


@pytest.mark.parametrize("name", OBJECTS, ids="/".join)
def test_every_object_is_one_that_the_api_server_knows(name):
    kubernetes_validate.validate(OBJECTS[name], VERSION, strict=True)


def test_a_key_that_is_no_kubernetes_key_would_be_noticed():
    wrong = {**OBJECTS["Service", "axon"], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_service_finds_the_pods_of_the_deployment():
    labels = OBJECTS["Deployment", "axon"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Service", "axon"]["spec"]["selector"].items() <= labels.items()


def test_every_claim_that_is_mounted_is_claimed():
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in containers()
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {name for kind, name in OBJECTS if kind == "PersistentVolumeClaim"}


def test_the_service_only_reads_what_the_retraining_publishes():
    mounts = [
        {mount["name"]: mount.get("readOnly", False) for mount in pod["containers"][0]["volumeMounts"]}
        for pod in containers()
    ]
    assert [mount["models"] for mount in mounts] == [True, False]


def test_no_pod_takes_the_address_of_the_service_for_its_port():
    assert [pod["enableServiceLinks"] for pod in containers()] == [False, False]


def test_two_retrainings_never_overlap():
    assert OBJECTS["CronJob", "axon-retrain"]["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_job_calls_a_command_with_options_that_it_has():
    (container,) = containers()[1]["containers"]
    command, *arguments = container["args"]
    register()
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert [option for option in arguments if option.startswith("--") and option not in told] == []


def test_a_join_has_more_room_than_the_scratch_volume():
    (container,) = containers()[1]["containers"]
    (runs,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "runs"]
    assert {"name": "SQLITE_TMPDIR", "value": runs} in container["env"]
