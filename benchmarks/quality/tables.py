"""Figures of several seeds as tables: one value per seed comes in, Markdown and JSON go out to the page and the file."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field, TypeAdapter

from features.document import Document


class Spread(Document):
    """A figure over the seeds; None where it is undefined."""

    values: tuple[float | None, ...] = Field(description="one per seed")

    @property
    def defined(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.defined)) if self.defined else None

    def text(self) -> str:
        """Mean and standard deviation over the seeds."""
        if self.mean is None:
            return "-"
        if len(self.defined) == 1:
            return f"{self.mean:.4f}"
        return f"{self.mean:.4f} ± {np.std(self.defined):.4f}"


class Row(Document):
    """A line of a table."""

    name: str
    figures: dict[str, Spread]
    seconds: float | None = Field(default=None, description="of one seed's fit, on average")

    @classmethod
    def of(
        cls, name: str, seeds: Sequence[Mapping[str, float | None]], *, seconds: float | None = None
    ) -> "Row":
        """A row from the figures of each seed."""
        columns = {column: Spread(values=tuple(seed[column] for seed in seeds)) for column in seeds[0]}
        return cls(name=name, figures=columns, seconds=seconds)


class Table(Document):
    """Rows with the same figures."""

    title: str
    note: str = ""
    rows: tuple[Row, ...] = ()

    def markdown(self) -> str:
        """The table for a page of the documentation."""
        columns = list(dict.fromkeys(column for row in self.rows for column in row.figures))
        lines = [
            f"| {' | '.join(['', *columns])} |".replace("|  |", "| |"),
            "|---" * (len(columns) + 1) + "|",
        ]
        for row in self.rows:
            cells = [row.figures[column].text() if column in row.figures else "-" for column in columns]
            lines.append(f"| {' | '.join([row.name, *cells])} |")
        head = [f"### {self.title}", ""] + ([self.note, ""] if self.note else [])
        return "\n".join([*head, *lines]) + "\n"


def as_json(tables: Sequence[Table]) -> bytes:
    """The tables with the value of every seed."""
    return TypeAdapter(Sequence[Table]).dump_json(tables, indent=1)
