"""What can be said of the lock files, the images, the compose project and the commands without any engine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("dev", "train", "serve", "serve-onnx")
SHIPPED = (
    "Dockerfile",
    "docker-compose.yml",
    ".dockerignore",
    "Makefile",
    ".ci/run",
    "deploy/compose_test.py",
    "deploy/loop_test.py",
    "deploy/remember_test.py",
)


def pins(lock):
    """Every pinned version of each package of a lock file."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", lock_text(lock), flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def lock_text(lock):
    return (ROOT / "requirements" / f"{lock}.lock").read_text()


def declared(extra):
    """The requirements of the base installation and one extra, extras of our own followed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"][extra]]
    ours = [part for line in found if line.name == project["name"] for part in sorted(line.extras)]
    return [line for line in found if line.name != project["name"]] + [
        line for part in ours for line in declared(part)
    ]


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def stages():
    """The text of each stage of the Dockerfile by its name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def copied(stage):
    """What a stage copies from the repository."""
    lines = re.findall(r"^COPY (.+)$", stages()[stage], flags=re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def make(*arguments, **variables):
    command = ["make", "--dry-run", *arguments, *(f"{name}={value}" for name, value in variables.items())]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# --- lock files ---


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_requirement_is_locked_in_a_version_that_fits(lock):
    locked = pins(lock)
    unmet = [
        str(line)
        for line in declared(lock)
        if not all(
            line.specifier.contains(version) for version in locked.get(canonicalize_name(line.name), {"0"})
        )
    ]
    assert unmet == [], "pyproject.toml and the lock differ: run `make lock`"


@pytest.mark.parametrize("lock", [*LOCKS, "peers"])
def test_every_locked_package_carries_hashes(lock):
    entries = re.split(r"^(?=[A-Za-z0-9])", lock_text(lock), flags=re.MULTILINE)
    assert [
        entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry
    ] == []


@pytest.mark.parametrize("lock", [*LOCKS, "peers"])
def test_the_build_backend_is_locked_too(lock):
    assert "setuptools" in pins(lock)


@pytest.mark.parametrize("lock", [*LOCKS, "peers"])
def test_a_lock_names_no_package_host(lock):
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url", lock_text(lock)) == []


@pytest.mark.parametrize("lock", ["train", "serve", "serve-onnx"])
def test_the_images_get_the_versions_that_the_tests_ran_with(lock):
    tested = pins("dev")
    assert {name: versions for name, versions in pins(lock).items() if not versions <= tested[name]} == {}


@pytest.mark.parametrize("absent", ["polars", "matplotlib", "scipy", "pandas", "jinja2", "pytest"])
def test_the_serving_lock_has_no_dataframe_plotting_or_test_library(absent):
    assert absent not in pins("serve")


@pytest.mark.parametrize("absent", ["tensorflow", "keras", "onnx", "tf2onnx"])
def test_the_lock_of_the_image_without_tensorflow_has_no(absent):
    assert absent not in pins("serve-onnx")


def test_the_image_without_tensorflow_gets_everything_else_that_serves():
    needless = {"tensorflow", *pins("serve")} - set(pins("serve-onnx"))
    assert not {"fastapi", "uvicorn", "onnxruntime", "numpy", "redis", "pyfarmhash"} & needless


# --- images ---


@pytest.mark.parametrize(
    ("runtime", "lock"), [("tensorflow", "serve"), ("auto", "serve"), ("onnx", "serve-onnx")]
)
def test_a_build_argument_chooses_the_lock_of_the_serving_image(runtime, lock):
    chosen = re.search(r'-r ("requirements/.*\.lock")', stages()["serve"])
    assert chosen is not None
    done = subprocess.run(
        ["sh", "-c", f"echo {chosen[1]}"],
        env={"RUNTIME": runtime},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"requirements/{lock}.lock\n"


def test_the_serving_image_is_made_of_six_rooms_and_its_own_lock():
    assert copied("serve") == {
        "requirements/serve.lock",
        "requirements/serve-onnx.lock",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "features",
        "history",
        "journal",
        "registry",
        "service",
        "axon",
    }


def test_the_training_image_carries_no_service():
    assert {"training", "simulator", "requirements/train.lock"} <= copied("train")
    assert not {"service", "requirements/serve.lock"} & copied("train")


@pytest.mark.parametrize("stage", ["train", "serve"])
def test_an_image_installs_by_hash_and_runs_without_root(stage):
    text = stages()[stage]
    assert "--require-hashes --no-deps" in text
    assert text.rindex("USER 10001:10001") > text.rindex("RUN ")


@pytest.mark.parametrize("stage", ["train", "serve"])
def test_what_an_image_copies_passes_the_ignore_file(stage):
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied(stage) <= let_in


@pytest.mark.parametrize("beyond", ["# syntax=", "<<", "COPY --link"])
def test_the_dockerfile_uses_nothing_that_an_older_engine_lacks(beyond):
    assert beyond not in (ROOT / "Dockerfile").read_text()


# --- the compose project ---


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("trainer", "10001:10001"),
        ("retrainer", "10001:10001"),
        ("rememberer", "10001:10001"),
        ("service", "10001:10001"),
        # By its name, as images do not agree on its number.
        ("redis", "redis"),
    ],
)
def test_a_container_has_no_root_no_writable_root_and_no_capability(name, user):
    found = compose()["services"][name]
    facts = (found["user"], found["read_only"], found["cap_drop"], found["security_opt"])
    assert facts == (user, True, ["ALL"], ["no-new-privileges:true"])


@pytest.mark.parametrize(("name", "memory"), [("trainer", "4g"), ("service", "2g")])
def test_a_container_is_limited_in_memory_and_cpus(name, memory):
    assert compose()["services"][name]["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": memory}


def test_ports_are_bound_to_this_machine_only():
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert {port.split(":")[0] for port in ports} == {"127.0.0.1"}


def test_the_service_starts_after_a_training_that_ended_well():
    conditions = compose()["services"]["service"]["depends_on"]
    assert conditions["trainer"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["service", "retrainer"])
def test_a_redis_is_waited_for_where_there_is_one(name):
    conditions = compose()["services"][name]["depends_on"]
    assert conditions["redis"] == {"condition": "service_healthy", "required": False}


def test_the_service_can_only_read_the_models_and_the_data():
    assert compose()["services"]["service"]["volumes"] == [
        "models:/models:ro",
        "${AXON_DATA:-data}:/app/data:ro",
        "catalog:/catalog",
        "decisions:/decisions",
    ]


def test_the_service_gets_every_variable_that_the_page_says_is_handed_on():
    table = (
        (ROOT / "docs/deployment.md").read_text().partition("Compose hands these on")[2].partition("\n\n`")[0]
    )
    told = set(
        re.findall("AXON_[A-Z_]+", "".join(re.findall(r"^\| (`AXON.+?) \|", table, flags=re.MULTILINE)))
    )
    assert told <= set(compose()["services"]["service"]["environment"])
    assert "AXON_SPLIT_SALT" in told


def test_a_redis_comes_only_with_a_profile_and_is_reached_only_from_inside():
    redis = compose()["services"]["redis"]
    assert (redis["profiles"], "ports" in redis, redis["networks"]) == (
        ["redis", "loop", "remember"],
        False,
        ["inside"],
    )


@pytest.mark.parametrize("name", ["retrainer", "rememberer"])
def test_who_learns_reaches_nothing_outside_the_project(name):
    found = compose()
    assert found["services"][name]["networks"] == ["inside"]
    assert found["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize("name", ["retrainer", "rememberer"])
def test_who_learns_reads_the_decisions_where_the_service_keeps_them(name):
    services = compose()["services"]
    place = services["service"]["environment"]["AXON_DECISIONS"]
    assert f"--decisions={place}" in services[name]["command"]
    assert "decisions:/decisions:ro" in services[name]["volumes"]


@pytest.mark.parametrize("name", ["retrainer", "rememberer"])
def test_who_learns_has_room_for_an_index_of_all_decisions(name):
    found = compose()["services"][name]
    assert f"runs:{found['environment']['SQLITE_TMPDIR']}" in found["volumes"]


def test_the_health_check_asks_whether_the_service_is_ready():
    assert "http://127.0.0.1:8000/readyz" in compose()["services"]["service"]["healthcheck"]["test"][-1]


def test_the_trainers_command_line_is_a_shell_program_that_parses():
    program = compose()["services"]["trainer"]["command"][0].replace("$$", "$")
    assert subprocess.run(["sh", "-n"], input=program, text=True, check=False).returncode == 0


# --- the commands ---


def test_make_help_names_every_command_that_exists():
    text = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (\S+)$", text, flags=re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+)", shown, flags=re.MULTILINE) == phony


def test_make_run_trains_and_then_serves():
    trains, serves = make("run").stdout.splitlines()[-2:]
    assert trains == ".venv/bin/axon train examples/shop/axon.yaml --registry models"
    assert serves.startswith("exec .venv/bin/axon serve --registry models --model ")


def test_make_run_with_a_log_of_ones_own_simulates_nothing():
    printed = make("run", CONFIG="mine/axon.yaml").stdout
    assert "axon train mine/axon.yaml" in printed
    assert "simulate" not in printed


def test_make_setup_without_a_usable_python_says_what_to_install(tmp_path):
    (tmp_path / "requirements").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements/dev.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    refused = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "expected Python 3.11, 3.12 or 3.13 with its venv module" in refused.stderr


def test_only_the_ci_run_names_the_folder_beside_the_repository():
    assert [name for name in SHIPPED if "../shared" in (ROOT / name).read_text()] == [".ci/run"]


def test_the_ci_run_is_a_shell_program_that_parses():
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0
