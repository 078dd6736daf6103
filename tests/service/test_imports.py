"""What a service process carries before it has loaded a model."""

import subprocess
import sys

import pytest

from tests.service.conftest import REPOSITORY


@pytest.fixture(scope="module")
def modules() -> set[str]:
    """Everything that importing the application imports, in a process of its own."""
    source = "import sys, service.app, service.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        *["tensorflow", "keras", "features.encoder"],
        *["polars", "pandas", "scipy", "sklearn", "matplotlib", "jinja2"],
        *["training", "simulator"],
    ],
)
def test_the_application_does_not_import(modules, name):
    assert name not in modules
