"""The README's snippet runs and prints the README's figures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "simulator" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_snippet_prints_the_figures_below_it(tmp_path):
    [snippet], [figures] = blocks("python"), blocks("json")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{snippet}"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path)
    assert json.loads(printed) == pytest.approx(json.loads(figures), rel=1e-6)


def test_every_column_of_the_files_is_named(default_shop):
    for path in default_shop:
        for column in path.read_text().split("\n", 1)[0].split(","):
            assert f"`{column}`" in README
