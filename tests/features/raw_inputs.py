"""Columns of every kind; the tests of raw values, of lists and of whole columns use them."""

import pytest

from features.spec import RawInput, RawKind, Side, TimeColumn


def make_raw(kind, **how):
    return RawInput(column="c", side=Side.USER, kind=kind, **how)


def time_as(format="auto", time_zone="UTC"):
    return make_raw(RawKind.TIME, time=TimeColumn(format=format, time_zone=time_zone))


TEXT = make_raw(RawKind.TEXT)
NUMBER = make_raw(RawKind.NUMBER)
TIME = time_as()
TEXTS = make_raw(RawKind.TEXTS, separator=",")
LISTS = make_raw(RawKind.TEXTS, separator=None)
EVERY_KIND = pytest.mark.parametrize("raw", [TEXT, NUMBER, TIME, TEXTS], ids=lambda raw: raw.kind.value)


def same(left, right):
    return left == right or (left != left and right != right)  # noqa: PLR0124  # NaN alone differs from itself
