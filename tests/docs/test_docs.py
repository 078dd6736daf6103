"""The documentation is true: its commands run, its snippets run, its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "simulator").glob("*.md")],
    key=lambda page: str(page.relative_to(ROOT)),
)
RUN_ELSEWHERE = re.compile(r"<!-- run by: (?P<where>\S+) -->\s*$")
BLOCK = re.compile(r"^```(?P<language>sh|python)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)#\s]+)(#[^)]*)?\)")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_to_files(page: Path):
    targets = [match["target"] for match in LINK.finditer(page.read_text())]
    local = [target for target in targets if not target.startswith(("http:", "https:"))]
    assert [target for target in local if not (page.parent / target.replace("\\", "")).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_commands_and_snippets_run(page: Path, tmp_path: Path):
    text = page.read_text()
    for block in BLOCK.finditer(text):
        elsewhere = RUN_ELSEWHERE.search(text[: block.start()])
        if elsewhere:
            assert (ROOT / elsewhere["where"]).exists()
            continue
        _workplace(tmp_path)
        done = _run(block["language"], block["code"], tmp_path)
        assert done.returncode == 0, f"{block['code']}\n{done.stderr}"


def test_the_changelog_begins_with_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (?!Unreleased)(\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


@pytest.mark.parametrize("page", ["configuration.md", "settings.md"])
def test_a_page_of_keys_is_what_the_models_say(page: str):
    done = subprocess.run(
        [sys.executable, "-c", f"import make_configuration as m; print(m.PAGES[{page!r}](), end='')"],
        cwd=ROOT / "docs",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ROOT / "docs" / page).read_text() == done.stdout


def test_the_page_of_the_task_file_says_what_left_out_keys_are_and_which_words_a_key_may_have():
    page = (ROOT / "docs" / "configuration.md").read_text()
    optimizer = TrainingConfig().optimizer
    assert f"{{name: {optimizer.name}, learning_rate: {optimizer.learning_rate}," in page
    assert "| `part` | required | `hour`, `weekday`, `hour_of_week` |" in page


@pytest.mark.parametrize("target", ["run", "test", "check", "setup", "help", "bench", "bench-quality"])
def test_make_knows_what_the_documentation_names(target: str):
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"make {target}\b", done.stdout)


def test_make_run_serves_the_model_that_it_has_trained():
    make = ["make", "-n", "-o", ".venv/.installed", "run", "CONFIG=examples/shop/targets.yaml"]
    planned = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[
        -1
    ]
    assert planned.startswith("exec .venv/bin/axon serve ")
    said = planned.replace("exec .venv/bin/axon", "echo").replace(".venv/bin/python", sys.executable)
    done = _run("sh", said, ROOT)
    assert done.stdout.split() == ["serve", "--registry", "models", "--model", "shop_targets"]


def _workplace(directory: Path) -> None:
    """A directory with the shop's task file, as a reader would have it, that is content with a small log."""
    example = directory / "examples" / "shop" / "axon.yaml"
    if not example.exists():
        text = (ROOT / "examples" / "shop" / "axon.yaml").read_text()
        for full, small in [
            ("epochs: 10", "epochs: 2"),
            ("beat: [prior, logistic]", "beat: []"),
            ("max_ece: 0.02", "max_ece: null"),
        ]:
            assert full in text
            text = text.replace(full, small)
        example.parent.mkdir(parents=True)
        example.write_text(text)
        (directory / "axon.yaml").write_text(text.replace("../../data/shop", "data/shop"))


def _run(language: str, code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("bash")
    assert shell is not None, "expected bash on the path"
    command = [shell, "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
