"""Sequences per key: the last items that were clicked, newest first; `history.history` keeps them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.spec import Recent
from history.columns import Int64Array, KeyColumn
from history.counters import Asked, Happened
from history.timeline import Timeline


@dataclass(frozen=True)
class Sequences:
    """The sequences of one feature. A record is a JSON list of texts, oldest first."""

    feature: Recent

    def decoded(self, records: Sequence[bytes | None]) -> list[list[str]]:
        """Records as lists of texts; a key without one has clicked nothing."""
        return [json.loads(record) if record else [] for record in records]

    def encoded(self, records: Sequence[Sequence[str]]) -> list[bytes]:
        """Lists of texts as bytes, one per key."""
        return [json.dumps(record, ensure_ascii=False).encode() for record in records]

    def advance(
        self, records: Sequence[Sequence[str]], asked: Asked, happened: Happened, collected: KeyColumn
    ) -> tuple[list[list[str]], list[list[str]]]:
        """Answer questions in the middle of clicks.

        Args:
            records: What each key had clicked before.
            asked: The questions; each has one key at most.
            happened: The events; those without a click change nothing.
            collected: The item of every impression that ``happened.keys.rows`` names.

        Returns:
            The texts of every question, newest first, and the records after all events.
        """
        named = np.fromiter((bool(name) for name in collected.names), bool, len(collected.names))
        # A click on nobody knows what leaves no trace.
        clicks = np.flatnonzero(happened.clicked & named[collected.codes[happened.keys.rows]])
        lengths = np.array([len(record) for record in records], np.int64)
        # Every key begins with one entry that is no click, so that a key without clicks has a place too.
        before = np.repeat(np.arange(len(records)), lengths + 1)
        line = Timeline.of(before, happened.keys.codes[clicks], happened.visible_ms[clicks])
        texts = [text for record in records for text in ("", *record)]
        items = [collected.names[code] for code in collected.codes[happened.keys.rows[clicks]]]
        entries = np.array([*texts, *items], dtype=object)[line.order]
        found = line.last_before(asked.keys.codes, asked.read_ms[asked.keys.rows])
        answers: list[list[str]] = [[] for _ in range(len(asked.at_ms))]
        for row, texts_of_key in zip(asked.keys.rows, self._newest(entries, line.starts, found), strict=True):
            answers[row] = texts_of_key
        after = [newest[::-1] for newest in self._newest(entries, line.starts, line.ends())]
        return answers, after

    def _newest(self, entries: object, starts: Int64Array, places: Int64Array) -> list[list[str]]:
        texts: list[str] = entries.tolist()  # type: ignore[attr-defined]
        first = np.maximum(starts[places] + 1, places - self.feature.max_length + 1)
        return [
            texts[low : place + 1][::-1] for low, place in zip(first.tolist(), places.tolist(), strict=True)
        ]
