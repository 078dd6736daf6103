"""The columns of encoded impressions: every column once, every half in one slice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.fitted import FittedScale, FittedSpec, FittedVocabulary
from features.layout import EncodedLayout, IdField, ValueField
from features.spec import FeatureSpec, Half

SCALE = FittedScale(mean=0.0, std=1.0, low=0.0, high=1.0)
VOCABULARY = FittedVocabulary(tokens=("a",))


def layout_of(**sides):
    spec = FeatureSpec.model_validate(sides)
    fitted = {feature.name: SCALE if feature.kind == "numeric" else VOCABULARY for feature in spec.features()}
    return FittedSpec(spec=spec, fitted=fitted).layout()


def category(name):
    return {"kind": "categorical", "name": name}


def tags(name, **settings):
    return {"kind": "multi", "name": name, **settings}


def number(name, **settings):
    return {"kind": "numeric", "name": name, **settings}


@st.composite
def layouts(draw):
    """Layouts whose halves stand in order, with fields of any width, some halves perhaps empty."""
    ids: list[IdField] = []
    values: list[ValueField] = []
    start = 0
    for half in Half:
        for width in draw(st.lists(st.integers(1, 5), max_size=3)):
            ids.append(IdField(f"id{len(ids)}", half, rows=2, start=start, width=width))
            start += width
        for _ in range(draw(st.integers(0, 3))):
            values.append(ValueField(f"value{len(values)}", half, len(values)))
    return EncodedLayout(tuple(ids), tuple(values))


def columns(part, width):
    return list(range(width))[part]


def test_fields_stand_by_half_and_not_by_side():
    layout = layout_of(context=[category("hour")], user=[category("city")], item=[category("brand")])
    assert [field.name for field in layout.ids] == ["city", "hour", "brand"]


def test_a_field_starts_where_the_one_before_stops():
    layout = layout_of(user=[category("a"), tags("b", max_length=3), category("c")])
    assert [(field.start, field.stop) for field in layout.ids] == [(0, 1), (1, 4), (4, 5)]


def test_a_field_knows_its_rows():
    assert layout_of(user=[category("a")]).ids[0].rows == 3


def test_only_multi_valued_fields_are_pooled():
    layout = layout_of(user=[category("a"), tags("b", pooling="sum"), tags("c")])
    assert [field.pooling for field in layout.ids] == [None, "sum", "mean"]


def test_an_indicator_is_a_value_of_its_own():
    layout = layout_of(user=[number("a", indicator=True), number("b")])
    assert [(field.name, field.column) for field in layout.values] == [("a", 0), ("a:missing", 1), ("b", 2)]


def test_a_layout_without_a_field_has_no_width():
    empty = EncodedLayout((), ())
    assert (empty.id_width, empty.value_width) == (0, 0)


@pytest.mark.parametrize("half", list(Half))
def test_an_empty_half_is_an_empty_slice(half):
    empty = EncodedLayout((), ())
    assert columns(empty.id_slice(half), 0) == columns(empty.value_slice(half), 0) == []


@given(layouts())
def test_the_halves_cover_every_id_column_once(layout):
    covered = [column for half in Half for column in columns(layout.id_slice(half), layout.id_width)]
    assert covered == list(range(layout.id_width))


@given(layouts())
def test_the_halves_cover_every_value_column_once(layout):
    covered = [column for half in Half for column in columns(layout.value_slice(half), layout.value_width)]
    assert covered == list(range(layout.value_width))


@given(layouts())
def test_the_slice_of_a_half_is_as_wide_as_its_fields(layout):
    for half in Half:
        inside = columns(layout.id_slice(half), layout.id_width)
        assert inside == [
            column for field in layout.ids_of(half) for column in range(field.start, field.stop)
        ]
