import pytest

from training.log.labels import read_labels


@pytest.mark.parametrize("label", ["1", "1.0", "true", "True", "TRUE", " 1 ", 1, 1.0, True])
def test_a_click_is_written_in_many_ways(label: object):
    assert read_labels([label, "0"])[0].tolist() == [1, 0]


@pytest.mark.parametrize("label", ["0", "0.0", "false", "False", "FALSE", " 0 ", 0, 0.0, False])
def test_no_click_is_written_in_many_ways(label: object):
    assert read_labels([label, "1"])[0].tolist() == [0, 1]


@pytest.mark.parametrize("label", ["2", "yes", "-1", "0.5", 2, 0.5, [1], float("nan")])
def test_anything_else_is_no_label(label: object):
    assert read_labels(["1", label])[1] == {1: f"expected 0 or 1, got {label!r}"}


@pytest.mark.parametrize("label", ["", None])
def test_a_missing_label_is_no_label(label: object):
    assert read_labels(["1", label])[1] == {1: "expected 0 or 1, got nothing"}


@pytest.mark.parametrize(
    ("values", "clicked"),
    [
        pytest.param(["yes", "no", " yes ", "maybe"], [1, 0, 1, 0], id="all other texts mean none"),
        pytest.param(["1", "2", "2.0", 2, 2.0], [0, 0, 0, 0, 0], id="numbers that are not named"),
    ],
)
def test_only_the_named_values_mean_a_click(values: list[object], clicked: list[int]):
    assert read_labels(values, ("yes",))[0].tolist() == clicked


@pytest.mark.parametrize("value", ["2", "2.0", 2, 2.0])
def test_a_number_is_the_same_label_however_it_is_written(value: object):
    assert read_labels([value, "1"], ("2",))[0].tolist() == [1, 0]


@pytest.mark.parametrize("value", ["", None, float("nan"), " "])
def test_a_missing_label_is_none_with_named_values_too(value: object):
    assert read_labels(["yes", value], ("yes",))[1] == {1: "expected a label, got nothing"}
