"""What the environment may say about the service."""

import pytest
from pydantic import ValidationError

from registry.reference import ModelRef
from service.errors import SettingsError
from service.settings import ServiceSettings, read_settings


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


@pytest.mark.parametrize("name", ["model", "shadow", "history", "catalog", "users", "decisions"])
def test_an_empty_variable_is_none(monkeypatch, name):
    monkeypatch.setenv(f"AXON_{name.upper()}", "")
    assert getattr(ServiceSettings(), name) is None


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="prot"):
        ServiceSettings.model_validate({"prot": 8000})


def test_every_wrong_setting_is_a_line_by_the_name_under_which_it_was_given(monkeypatch):
    monkeypatch.setenv("AXON_RUNTIME", "variable")
    monkeypatch.setenv("AXON_DEADLINE_MS", "abc")
    with pytest.raises(SettingsError) as refused:
        read_settings({"runtime": "option"})
    runtime, deadline = str(refused.value).splitlines()
    assert runtime.startswith("--runtime: Input should be 'auto', 'tensorflow' or 'onnx'")
    assert runtime.endswith("(got 'option')")
    assert deadline.strip().startswith("AXON_DEADLINE_MS: Input should be a valid integer")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("AXON_SPLIT", "challenger:140", "expected from 0 to 100 % with at most two decimals, got '140'"),
        ("AXON_SPLIT", "challenger:-1", "expected from 0 to 100 % with at most two decimals, got '-1'"),
        ("AXON_SPLIT", "challenger", "expected ALIAS:PERCENT, such as challenger:10, got 'challenger'"),
        ("AXON_SPLIT", "champion:50", "expected shares that make 100 % together, got 50 %"),
        ("AXON_DECISIONS", "foo", "before the first colon, got 'foo'"),
    ],
)
def test_what_a_setting_expects_is_told_in_our_words(monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings({})
    assert str(refused.value).startswith(f"{name}: expected")
    assert told in str(refused.value)


def test_a_wrong_model_says_nothing_of_the_split(monkeypatch):
    monkeypatch.setenv("AXON_SPLIT", "champion:90,challenger:10")
    with pytest.raises(SettingsError, match=r"\A--model: .*\Z"):
        read_settings({"model": "../shop"})
