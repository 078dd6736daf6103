"""Where the log and its tables are, and how they are read."""

from typing import Literal

from pydantic import Field

from features.document import Document
from features.spec import RawInput, RawKind, Side, TimeColumn
from training.config.targets import NAME, Positive


class TableConfig(Document):
    """A table of users or items, joined to the log by its key."""

    path: str = Field(description="file or glob, relative to the data root")
    key: str = Field(description="column with the id, of the same name in the log")


class TimeConfig(TimeColumn):
    """The log's time column; where a feature reads it, too, `features.time_columns` says the same of it."""

    column: str

    def how(self) -> TimeColumn:
        """How the column is read."""
        return TimeColumn(format=self.format, time_zone=self.time_zone)

    def raw_input(self) -> RawInput:
        """The column as an input."""
        return RawInput(column=self.column, side=Side.CONTEXT, kind=RawKind.TIME, time=self.how())


class DataConfig(Document):
    """Where the log and the tables are and how they are read."""

    root: str = Field(default=".", description="directory of the files, relative to the task file")
    log: str = Field(
        description="file or glob: .csv .tsv .txt .parquet .jsonl .ndjson, the texts also with .gz; what objects hold are "
        "columns such as user.id"
    )
    users: TableConfig | None = None
    items: TableConfig | None = None
    label: str = Field(description="column with 1 for a click and 0 for none, or see positive")
    target: str = Field(
        default="click",
        pattern=NAME,
        description="what the label says, where further `targets` stand beside it",
    )
    positive: Positive = Field(
        default=(),
        description='values of the label that mean a click, such as "yes"; every other one means none',
    )
    time: TimeConfig | None = Field(
        description="column with the time of the impression; null where there is none: the rows are in order of time"
    )
    user_key: str | None = Field(default=None, description="column that identifies a user, for GAUC")
    item_key: str | None = Field(
        default=None, description="column that identifies an item, for the report's unseen items"
    )
    separator: str | None = Field(
        default=None, min_length=1, max_length=1, description="of .csv and .txt files; ',' by default"
    )
    decimal: Literal[".", ","] = Field(
        default=".",
        description="what stands before the fraction of a number in text files; before a comma points may group digits. "
        "Currency and percent signs are left out: `$1,234.50` is 1234.5, `12.3%` is 12.3",
    )
    rename: dict[str, str] = Field(default_factory=dict, description="column in the files -> name used here")
    missing_values: tuple[str, ...] = Field(
        default=("",), description="cells of text files that mean missing"
    )
    max_bad_rows: float = Field(
        default=0.01, ge=0, le=1, description="share of unreadable rows that a run accepts"
    )

    @property
    def user_column(self) -> str | None:
        """The column whose values tell users apart, if the task file names one."""
        return self.user_key or (self.users.key if self.users else None)

    @property
    def item_column(self) -> str | None:
        """The column whose values tell items apart, if the task file names one."""
        return self.item_key or (self.items.key if self.items else None)
