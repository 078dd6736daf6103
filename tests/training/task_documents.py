"""Documents of task files for the tests, and what is said against one."""

import pytest

from training.config import parse_config
from training.errors import ConfigError


def make_document(**changes):
    return {
        "name": "shop",
        "data": {"log": "log.csv", "label": "clicked", "time": {"column": "time_ms"}},
        "features": {"user": [{"kind": "categorical", "name": "city"}]},
        **changes,
    }


def make_data(**changes):
    return {**make_document()["data"], **changes}


def refusal(document):
    """What `parse_config` says against a document."""
    with pytest.raises(ConfigError) as caught:
        parse_config(document, source="axon.yaml")
    return str(caught.value)
