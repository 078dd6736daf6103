"""The one door to a packed history: a directory comes in, coded key columns are asked about, columns of the graph go out.

`history.packed.pack` writes it at the end of training; `service` asks it, and whoever fills a live store copies from it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from features.spec import Activity, Recent
from history.columns import SEPARATOR, Int64Array, KeyColumn
from history.counters import Counters
from history.packed.activities import Columns, PackedActivity, answer
from history.packed.coded import Coded, Tokens
from history.packed.files import Files
from history.packed.keys import KeyIndex
from history.packed.sequences import PADDING, PackedSequences
from history.recent import Sequences


@dataclass(frozen=True)
class PackedHistory:
    """What every key had seen, read where it lies; several threads may ask at once.

    Attributes:
        activities: The counters, in the order of the features.
        sequences: The sequences.
        tokens: The texts of every key column.
    """

    activities: tuple[PackedActivity, ...]
    sequences: tuple[PackedSequences, ...]
    tokens: Mapping[str, Tokens]

    @classmethod
    def open(cls, directory: Path, features: Sequence[Activity | Recent]) -> Self:
        """Map the files of a packed history; nothing but the tokens is loaded.

        Raises:
            StoreError: If a file is missing, damaged, or of other features.
        """
        files = Files(directory)
        tokens = {column: Tokens(names) for column, names in files.tokens().items()}
        activities: list[PackedActivity] = []
        sequences: list[PackedSequences] = []
        for feature in features:
            levels = files.levels(feature)
            index = KeyIndex(levels, tuple(len(tokens[column].names) for column in feature.of[1:]))
            if isinstance(feature, Activity):
                activities.append(PackedActivity(feature, index, files.records(feature)))
            else:
                texts = np.array([PADDING, *tokens[feature.collects].names], object)
                sequences.append(PackedSequences(feature, index, *files.sequences(feature), texts))
        return cls(tuple(activities), tuple(sequences), tokens)

    def code_texts(self, column: str, texts: Sequence[str]) -> Coded:
        """A key column whose impressions have one text each; the empty text is missing."""
        return Coded(self.tokens[column].code(texts), None, len(texts))

    def code_lists(self, column: str, lists: Sequence[Sequence[str]]) -> Coded:
        """A key column whose impressions have any number of texts."""
        return self.tokens[column].code_lists(lists)

    def code_column(self, column: str, values: KeyColumn) -> Coded:
        """A key column of `history.columns` in the codes of this history."""
        return self.tokens[column].code_column(values)

    def ask(
        self, coded: Mapping[str, Coded], at_ms: Int64Array, features: Collection[str] | None = None
    ) -> Columns:
        """The history columns, to the last bit as `History.ask` tells them when it reads everything that the store holds.

        Args:
            coded: The key columns of the features, all of one size.
            at_ms: Time of each impression, shape ``(size,)`` or ``(1,)`` for all of them.
            features: Names of the features wanted; None for all.

        Returns:
            By column float32 ``(size,)``, NaN where missing, or lists of texts.
        """
        size = next(iter(coded.values())).size
        wanted = [one for one in self.activities if features is None or one.feature.name in features]
        answers = answer(wanted, coded, at_ms.astype(np.float64), size)
        for one in self.sequences:
            if features is None or one.feature.name in features:
                answers[one.feature.column] = one.answer(coded, size)
        return answers

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        """Every key of a feature with its record, as the stores keep them."""
        for activity in self.activities:
            if activity.feature.name == space:
                places = np.flatnonzero(activity.records.any(axis=1))
                encoded = Counters(activity.feature).encoded(activity.records[places])
                yield from zip(self._texts(activity, places), encoded, strict=True)
        for one in self.sequences:
            if one.feature.name == space:
                places = np.flatnonzero(np.diff(one.starts))
                bounds = zip(one.starts[places].tolist(), one.starts[places + 1].tolist(), strict=True)
                lists = [one.texts[one.items[start:stop][::-1]].tolist() for start, stop in bounds]
                yield from zip(self._texts(one, places), Sequences(one.feature).encoded(lists), strict=True)

    def _texts(self, packed: PackedActivity | PackedSequences, places: Int64Array) -> Iterator[str]:
        columns = [self.tokens[column].names for column in packed.feature.of]
        codes = (codes.tolist() for codes in packed.index.keys(places))
        for key in zip(*codes, strict=True):
            yield SEPARATOR.join(names[code - 1] for names, code in zip(columns, key, strict=True))
