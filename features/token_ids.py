"""Tokens to ids in plain Python: a fitted spec comes in, one quick function from a token to its id goes out per feature.

`features.encode_numpy` maps them over the text columns of a batch.
"""

from collections.abc import Callable
from typing import Literal

import farmhash

from features.fitted import FittedSpec, FittedVocabulary
from features.raw import MISSING_TEXT
from features.spec import FIRST_OOV_ID, PADDING_ID, Categorical, Hashed, MultiValued

LookUp = Callable[[str], int]
"""The id of a token; the empty one is a missing value."""


class _Table(dict[str, int]):
    """Token -> id; a token that is not there gets its OOV id without being kept."""

    def __init__(
        self, vocabulary: FittedVocabulary, oov: Literal["own", "missing"], oov_buckets: int
    ) -> None:
        first = FIRST_OOV_ID + oov_buckets
        super().__init__((token, first + place) for place, token in enumerate(vocabulary.tokens))
        self._oov = oov
        self._oov_buckets = oov_buckets

    def __missing__(self, token: str) -> int:
        if self._oov == "missing":
            return PADDING_ID
        return FIRST_OOV_ID + (bucket(token, self._oov_buckets) if self._oov_buckets > 1 else 0)


class TokenTables:
    """Makes the function of each feature; features that share a vocabulary and its policies share one table.

    Args:
        fitted: What was learned.
    """

    def __init__(self, fitted: FittedSpec) -> None:
        self._fitted = fitted
        self._tables: dict[tuple[str, str, str | None], LookUp] = {}

    def of(self, feature: Categorical | MultiValued | Hashed) -> LookUp:
        """The id of a token of the feature."""
        if isinstance(feature, Hashed):
            return _hashed(feature)
        owner = self._fitted.spec.vocabulary_of(feature)
        stands_in = _stand_in(feature)
        key = (owner.name, feature.oov, stands_in)
        if key not in self._tables:
            vocabulary = self._fitted.part(owner.name, FittedVocabulary)
            table = _Table(vocabulary, feature.oov, owner.oov_buckets)
            empty = PADDING_ID if stands_in is None else table[stands_in] if stands_in else FIRST_OOV_ID
            table[MISSING_TEXT] = empty
            self._tables[key] = table.__getitem__
        return self._tables[key]


def bucket(token: str, buckets: int) -> int:
    """The hash of a token in ``[0, buckets)``, as ``tf.strings.to_hash_bucket_fast`` gives it.

    Source:
        Fingerprint64 of FarmHash (Pike, Google, 2014), which is fixed forever, over the UTF-8 bytes.
    """
    fingerprint: int = farmhash.fingerprint64(token)
    return fingerprint % buckets


def _stand_in(feature: Categorical | MultiValued) -> str | None:
    """The token that a missing one counts as: the empty text for the first OOV id, None for padding.

    An empty list is the business of the list: its tokens are padding.
    """
    if isinstance(feature, MultiValued):
        return None
    if feature.fill:
        return feature.fill
    return MISSING_TEXT if feature.missing == "oov" else None


def _hashed(feature: Hashed) -> LookUp:
    buckets = feature.buckets
    if feature.fill:
        empty = 1 + bucket(feature.fill, buckets)
    else:
        empty = 1 + bucket(MISSING_TEXT, buckets) if feature.missing == "oov" else PADDING_ID

    def look_up(token: str) -> int:
        return 1 + bucket(token, buckets) if token else empty

    return look_up
