"""What was counted about the columns of one version's requests: raw arrays come in, counts and drift go out.

`service.watch.features` keeps one per version that answered lately.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from features.fitted import FittedSpec, FittedVocabulary
from features.profile import ColumnProfile, DataProfile, counts_like, drift, missing_in
from features.raw import MISSING_TEXT
from features.spec import Categorical, MultiValued, RawInput
from registry.manifest import PROFILE
from registry.version import Version
from service.models.live import LiveModel

LEAST_ROWS = 1000
"""Rows of a window before its drift is told: with fewer, chance alone moves a PSI above 0.03."""

SLICES = 6
"""Parts of a window; the oldest is dropped whole."""

_AT_ONCE = 4096
"""Tokens that go into a set while everything else waits for the interpreter."""

Counts = NDArray[np.int64]


@dataclass
class _Slice:
    """The histograms of one part of the window."""

    until_s: float
    rows: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class _Tokens:
    """A feature whose tokens training has written down."""

    name: str
    column: str
    longest: int | None
    known: set[str]


class ColumnWatch:
    """The columns of one version.

    Args:
        live: The version; it is not kept, so that a replaced model is freed.
        window_s: How far back drift looks, in seconds.
    """

    def __init__(self, live: LiveModel, window_s: float) -> None:
        self.rows = 0
        self.missing: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.oov: Counter[str] = Counter()
        self.drift: dict[str, float] = {}
        self.used_s = time.monotonic()
        self._inputs: tuple[RawInput, ...] = live.reader.inputs
        self._vocabularies = _vocabularies(live.fitted, {raw.column for raw in self._inputs})
        self._before = _profiles(live.origin, self._inputs)
        self._window: deque[_Slice] = deque(maxlen=SLICES)
        self._slice_s = window_s / SLICES
        # All are there from the start, so that a rate over them begins with the first value.
        self.missing.update({raw.column: 0 for raw in self._inputs})
        for feature in self._vocabularies:
            self.oov[feature.name] = self.tokens[feature.name] = 0

    def add(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Count rows; one array per column, as `features.raw.to_array` makes them."""
        self.used_s = time.monotonic()
        rows = len(arrays[self._inputs[0].column])
        for raw in self._inputs:
            self.missing[raw.column] += missing_in(raw.kind, arrays[raw.column])
        for feature in self._vocabularies:
            column = arrays[feature.column]
            given = column.ravel() if feature.longest is None else column[:, : feature.longest].ravel()
            present = [token for token in given.tolist() if token != MISSING_TEXT]
            self.tokens[feature.name] += len(present)
            self.oov[feature.name] += sum(token not in feature.known for token in present)
        self._add_to_window(arrays, rows)
        self.rows += rows  # last: who is told of rows is told of what they lacked

    def refresh(self) -> None:
        """Compute how far the window is from what the version was trained on."""
        while self._window and time.monotonic() >= self._window[0].until_s + self._slice_s * (SLICES - 1):
            self._window.popleft()
        if sum(part.rows for part in self._window) < LEAST_ROWS:
            self.drift = {}
            return
        self.drift = {
            column: drift(before, _sum(part.counts[column] for part in self._window).tolist()).psi
            for column, before in self._before.items()
        }

    def _add_to_window(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> None:
        now = time.monotonic()
        if not self._window or now >= self._window[-1].until_s:
            self._window.append(_Slice(now + self._slice_s))
        newest = self._window[-1]
        newest.rows += rows
        for column, before in self._before.items():
            counts = counts_like(before, arrays[column])
            newest.counts[column] = counts + newest.counts.get(column, 0)


def _sum(counts: Iterable[Counts]) -> Counts:
    total: Counts = np.sum(list(counts), axis=0)
    return total


def _vocabularies(fitted: FittedSpec, columns: set[str]) -> list[_Tokens]:
    """The features with a vocabulary whose column a request carries; those that share one share its set."""
    sets: dict[str, set[str]] = {}
    found = []
    for _, feature in fitted.spec.by_side():
        if isinstance(feature, Categorical | MultiValued) and feature.column in columns:
            owner = fitted.spec.vocabulary_of(feature).name
            if owner not in sets:
                sets[owner] = _set(fitted.part(owner, FittedVocabulary).tokens)
            longest = feature.max_length if isinstance(feature, MultiValued) else None
            found.append(_Tokens(feature.name, feature.column, longest, sets[owner]))
    return found


def _set(tokens: tuple[str, ...]) -> set[str]:
    """The tokens, in pieces: a million in one call would hold up every request for tens of milliseconds."""
    known: set[str] = set()
    for start in range(0, len(tokens), _AT_ONCE):
        known.update(tokens[start : start + _AT_ONCE])
    return known


def _profiles(version: Version, inputs: tuple[RawInput, ...]) -> dict[str, ColumnProfile]:
    """The histograms that the version was published with, of columns that are still of the same kind; none for an old one."""
    try:
        profile = DataProfile.model_validate_json((version.directory / PROFILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
    kinds = {raw.column: raw.kind for raw in inputs}
    # Of a time only what is missing was counted, and that is told apart from drift.
    return {
        name: column
        for name, column in profile.columns.items()
        if column.counts and kinds.get(name) is column.kind
    }
