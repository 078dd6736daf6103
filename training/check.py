"""Looks at a log and its tables the way training will, and says what would stop it or spoil it.

A task comes in; a `DataCheck` goes out to the command line, and nothing is trained. Memory does not grow with the log.
"""

from datetime import datetime
from pathlib import Path

from pydantic import Field

from features.document import Document
from features.spec import RawKind, Side
from training.config import TaskConfig
from training.log.findings import Finding, findings
from training.log.log_reader import read_log
from training.log.quarantine import Quarantine
from training.log.survey import Survey
from training.log.tallies import DISTINCT_CAP
from training.models import family_of
from training.peers.peers import peer_trials
from training.progress import Progress, Silent


class ColumnCheck(Document):
    """One column that the model reads."""

    column: str
    side: Side
    kind: RawKind
    missing: float | None = Field(description="share of impressions without a value")
    distinct: int | None = Field(description=f"different values or tokens; null beyond {DISTINCT_CAP:,}")
    constant: bool


class DataCheck(Document):
    """A log at a glance. Shares are of readable impressions, in [0, 1]; what is undefined is null."""

    rows: int = Field(description="all rows of the log")
    bad_rows: int = Field(description="rows that cannot be read")
    clicks: int
    click_rate: float | None
    first: datetime | None
    last: datetime | None
    in_order: bool | None = Field(description="whether the log is sorted by time; null without a time column")
    columns: tuple[ColumnCheck, ...]
    unknown_keys: dict[Side, float] = Field(description="share of impressions whose key a table lacks")
    repeated: float | None = Field(description="share that repeats user, item and time of an earlier one")
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """What stops training."""
        return tuple(finding.what for finding in self.findings if finding.level == "error")

    def lines(self) -> list[str]:
        """The check for people to read."""
        rate = "undefined" if self.click_rate is None else f"{self.click_rate:.4%}"
        return [
            f"{self.rows:,} rows, {self.bad_rows:,} unreadable; {self.clicks:,} clicks, click rate {rate}",
            self._period(),
            *(_column_line(column) for column in self.columns),
            *(f"{finding.level}: {finding.what}" for finding in self.findings),
        ]

    def _period(self) -> str:
        if self.in_order is None:
            return "no time column: the order of the rows is the order of time"
        order = "in order" if self.in_order else "not in order"
        return f"from {_shown(self.first)} to {_shown(self.last)}, {order}"


def check_log(
    config: TaskConfig,
    root: Path,
    *,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> DataCheck:
    """Read a whole log and look at it.

    Args:
        config: The task.
        root: Directory of the data files.
        progress: Told about every chunk.
        now: Impressions later than this are a finding; None looks for none.

    Raises:
        ConfigError: If training would refuse the network, or what is trained beside it, before it reads the log.
        DataError: If there is nothing to look at: a file or a column is missing, a table cannot be read, no label is
            0 or 1.
    """
    family_of(config.model)
    peer_trials(config)
    survey = Survey(config, now)
    apart = Quarantine(None, limit=1.0)
    with (progress or Silent()).stage("checking", unit="rows") as bar:
        chunks = read_log(
            config.data,
            config.features.log_inputs(),
            root,
            quarantine=apart,
            counted=bool(config.features.history),
            targets=config.targets,
            keep=survey.kept_columns,
        )
        for chunk in chunks:
            survey.add(chunk)
            bar.advance(chunk.size)
    return _result(config, survey, apart)


def _result(config: TaskConfig, survey: Survey, quarantine: Quarantine) -> DataCheck:
    readable = survey.readable
    return DataCheck(
        rows=survey.rows,
        bad_rows=quarantine.bad_rows,
        clicks=survey.clicks,
        click_rate=survey.clicks / readable if readable else None,
        first=survey.times.first,
        last=survey.times.last,
        in_order=None if config.data.time is None else survey.times.in_order,
        columns=tuple(
            ColumnCheck(
                column=tally.raw.column,
                side=tally.raw.side,
                kind=tally.raw.kind,
                missing=tally.missing,
                distinct=tally.distinct,
                constant=tally.constant,
            )
            for tally in survey.columns
        ),
        unknown_keys={side: unknown / readable for side, unknown in survey.unknown.items() if readable},
        repeated=survey.repeats.share,
        findings=tuple(findings(config, survey, quarantine)),
    )


def _column_line(column: ColumnCheck) -> str:
    missing = "" if column.missing is None else f", {column.missing:.1%} missing"
    distinct = f"more than {DISTINCT_CAP:,}" if column.distinct is None else f"{column.distinct:,}"
    return f"{column.side:7} {column.column}: {column.kind}, {distinct} distinct{missing}"


def _shown(moment: datetime | None) -> str:
    return "nowhere" if moment is None else moment.isoformat(timespec="seconds")
