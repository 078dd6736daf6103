"""What a survey of the data means for training: the errors that stop it and the warnings that spoil it.

A `Survey` comes in; findings, the errors first, go out with the data check.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from features.document import Document
from training.config import TaskConfig
from training.log.quarantine import Quarantine
from training.log.survey import Survey
from training.log.tallies import ColumnTally
from training.univariate import TOO_GOOD

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Finding(Document):
    """Something about the data that somebody should know; an error stops training."""

    level: Literal["error", "warning"]
    what: str


def findings(config: TaskConfig, survey: Survey, quarantine: Quarantine) -> Iterator[Finding]:
    """Every conclusion from a survey; ``quarantine`` knows the rows that could not be read."""
    for error in _errors(config, survey, quarantine):
        yield Finding(level="error", what=error)
    for warning in _warnings(config, survey, quarantine):
        yield Finding(level="warning", what=warning)


def _errors(config: TaskConfig, survey: Survey, quarantine: Quarantine) -> Iterator[str]:
    if quarantine.bad_rows > config.data.max_bad_rows * survey.rows:
        yield (
            f"{quarantine.bad_rows:,} of {survey.rows:,} rows cannot be read, data.max_bad_rows accepts "
            f"{config.data.max_bad_rows:.2%}; for instance {'; '.join(quarantine.examples)}"
        )
    if not survey.readable:
        yield "no row can be read"
        return
    if survey.clicks in {0, survey.readable}:
        only = "clicks" if survey.clicks else "non-clicks"
        yield f"{config.data.label!r} holds {only} only: nothing can be learned from one class"
    if any(tally.raw.column == config.data.label for tally in survey.columns):
        yield f"{config.data.label!r} is the label and must not be a feature"
    yield from _useless_cuts(config, survey)


def _useless_cuts(config: TaskConfig, survey: Survey) -> Iterator[str]:
    first, last = survey.times.first, survey.times.last
    for name, cut in (
        ("validation_from", config.split.validation_from),
        ("test_from", config.split.test_from),
    ):
        if isinstance(cut, datetime) and first is not None and last is not None and not first < cut <= last:
            yield (
                f"split.{name} is {cut.isoformat()}, but the log runs from {first.isoformat()} to "
                f"{last.isoformat()}: one side of the cut is empty"
            )


def _warnings(config: TaskConfig, survey: Survey, quarantine: Quarantine) -> Iterator[str]:
    if 0 < quarantine.bad_rows <= config.data.max_bad_rows * survey.rows:
        yield (
            f"{quarantine.bad_rows:,} of {survey.rows:,} rows cannot be read and are left out; for instance "
            f"{'; '.join(quarantine.examples)}"
        )
    if not survey.readable:
        return
    for tally in survey.columns:
        yield from _about_column(tally)
    yield from _about_impressions(survey)


def _about_impressions(survey: Survey) -> Iterator[str]:
    for side, unknown in survey.unknown.items():
        if unknown:
            yield f"{unknown / survey.readable:.2%} of impressions have a key that the {side}s table lacks"
    if survey.repeats.share:
        yield f"{survey.repeats.share:.2%} of impressions repeat the user, item and time of an earlier one"
    if survey.times.future:
        yield f"{survey.times.future:,} impressions are in the future"
    if survey.times.last is not None and survey.times.last < _EARLIEST:
        yield (
            f"the log ends in {survey.times.last.year}: are the times seconds? data.time.format says how they are "
            "written, such as epoch_s"
        )


def _about_column(tally: ColumnTally) -> Iterator[str]:
    name = repr(tally.raw.column)
    if tally.missing == 1:
        yield f"{name} has no value at all"
    elif tally.missing is not None and tally.missing > 0.5:
        yield f"{name} is missing in {tally.missing:.1%} of impressions"
    if tally.constant:
        yield f"{name} has one value only, which tells a model nothing"
    if (token := tally.whole_number_with_fraction()) is not None:
        yield (
            f"{name} has whole numbers with a fraction, such as {token!r}, as pandas writes ids of which some are missing: "
            f"to a request that says {token.removesuffix('.0')} that is another value; write the column as integers"
        )
    auc = tally.auc_alone()
    if tally.gives_clicks_away():
        yield f"{name} alone tells every click from every non-click: is it known before the click?"
    elif auc is not None and auc >= TOO_GOOD:
        yield f"{name} alone tells clicks with an AUC of {auc:.3f} on later rows: is it known before the click?"
