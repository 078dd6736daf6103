"""A world of its own for each test."""

import pytest

from tests.training.remembering.world import World, make_world


@pytest.fixture
def world(tmp_path) -> World:
    return make_world(tmp_path)
