"""What the environment may say about the service."""

import pytest
from pydantic import ValidationError

from registry.reference import ModelRef
from service.settings import ServiceSettings


def test_by_default_the_service_listens_on_this_machine_only():
    assert ServiceSettings().host == "127.0.0.1"


def test_by_default_versions_come_from_models_beside():
    assert ServiceSettings().registry == "models"


def test_a_variable_with_the_prefix_counts(monkeypatch):
    monkeypatch.setenv("AXON_MAX_ROWS", "7")
    assert ServiceSettings().max_rows == 7


def test_what_the_command_line_says_comes_first(monkeypatch):
    monkeypatch.setenv("AXON_PORT", "9000")
    assert ServiceSettings(port=9001).port == 9001


def test_a_model_is_read_as_a_reference():
    assert ServiceSettings(model="shop:3").wanted == ModelRef(name="shop", at=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AXON_PORT", "tcp://10.0.0.1:80"),
        ("AXON_MAX_ROWS", "0"),
        ("AXON_MODEL", "../shop"),
        ("AXON_LOG_LEVEL", "loud"),
        ("AXON_HISTORY", "/var/history.sqlite"),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("AXON_").lower()):
        ServiceSettings()


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="prot"):
        ServiceSettings.model_validate({"prot": 8000})
