"""Where each feature stands in the encoder's output, so that the network and the cache agree on the columns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from features.spec import Half


@dataclass(frozen=True)
class IdField:
    """One id feature: columns ``start`` to ``start + width`` of the id matrix, each id in ``[0, rows)``.

    Attributes:
        like: The field whose ids these are, and whose embeddings they share.
        attends: The item field that a sequence is compared with, where it is pooled by attention.
    """

    name: str
    half: Half
    rows: int
    start: int
    width: int = 1
    pooling: Literal["mean", "sum", "attention"] | None = None
    like: str | None = None
    attends: str | None = None

    @property
    def stop(self) -> int:
        return self.start + self.width


@dataclass(frozen=True)
class ValueField:
    """One float column of the value matrix."""

    name: str
    half: Half
    column: int


@dataclass(frozen=True)
class EncodedLayout:
    """The columns of encoded impressions: ``ids`` int32 ``(n, id_width)``, ``values`` float32 ``(n, value_width)``.

    The halves stand one behind the other (user, item, joint), so that each half is one slice.
    """

    ids: tuple[IdField, ...]
    values: tuple[ValueField, ...]

    def first_order(self) -> "EncodedLayout":
        """The same columns for weights that stand for one field alone: nothing shared, nothing compared."""
        fields = [
            replace(field, like=None, attends=None, pooling="mean" if field.attends else field.pooling)
            for field in self.ids
        ]
        return replace(self, ids=tuple(fields))

    @property
    def id_names(self) -> list[str]:
        """The field of each id column."""
        return [field.name for field in self.ids for _ in range(field.width)]

    @property
    def id_width(self) -> int:
        return sum(field.width for field in self.ids)

    @property
    def value_width(self) -> int:
        return len(self.values)

    def ids_of(self, half: Half) -> tuple[IdField, ...]:
        return tuple(field for field in self.ids if field.half is half)

    def values_of(self, half: Half) -> tuple[ValueField, ...]:
        return tuple(field for field in self.values if field.half is half)

    def id_slice(self, half: Half) -> slice:
        return _slice_of((field.half is half, field.width) for field in self.ids)

    def value_slice(self, half: Half) -> slice:
        return _slice_of((field.half is half, 1) for field in self.values)


def _slice_of(columns: Iterator[tuple[bool, int]]) -> slice:
    start: int | None = None
    stop = position = 0
    for inside, width in columns:
        if inside:
            start = position if start is None else start
            stop = position + width
        position += width
    return slice(start or 0, stop)
