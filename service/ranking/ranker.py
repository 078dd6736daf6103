"""The heart of ranking: questions and a live model come in, the best candidates of each go out. It knows nothing of HTTP.

Whoever asks is computed once, the catalog keeps what belongs to an item alone, and a candidate costs what depends on both.
`service.ranking.rank` calls it for every batch of requests, and `service.models.loader` to warm a model up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spec import Half, Side
from service.catalog.store import EntityStore
from service.catalog.table import ItemTable
from service.models.live import Answers, LiveModel, Probabilities
from service.models.states import States
from service.past.sources import Key
from service.ranking.rank_request import RankRequest
from service.ranking.ranked import Arrays, Behind, Ranked
from service.ranking.resolver import Candidates, Resolver
from service.ranking.sides import SideColumns, stacked
from service.scoring.scorer import check

AT_ONCE = 2048
"""Candidates that share a call of the joint part; those of one request are never parted."""


class Ranker:
    """Ranks with one live model; made once, when it is loaded. A shadow's thread may rank beside the engine's, while no items change.

    Args:
        live: The model.
        items: The catalog's items, computed by this model; None without a catalog.
        store: Has users and items by id; None without a catalog.
        most: Most candidates of a question.
    """

    def __init__(
        self, live: LiveModel, items: ItemTable | None, store: EntityStore | None, most: int
    ) -> None:
        self._live = live
        self._store, self._most = store, most
        self._resolver = Resolver(live, items, store, most)
        self._items = items
        spec, past = live.fitted.spec, live.past
        self._user_half, self._item_half, self._joint_half = (spec.half_inputs(half) for half in Half)
        keys = past.keys if past else ()
        self._user_keys = [raw.column for raw in keys if raw.side is not Side.ITEM]
        self._item_keys = [raw.column for raw in keys if raw.side is Side.ITEM]

    @property
    def items(self) -> ItemTable | None:
        """The catalog's items; None without a catalog."""
        return self._items

    def of(self, live: LiveModel) -> "Ranker":
        """The same items, ranked with the same version that looks elsewhere for its past."""
        return Ranker(live, self._items, self._store, self._most)

    def rank(self, asked: Sequence[RankRequest]) -> list[Ranked]:
        """The best candidates of every question.

        Raises:
            RefusedRequestError: If a feature is not what the model takes; of any of the questions.
            HistoryUnavailableError: If what happened before cannot be looked up.
            ScoringError: If the model's answer is no probability.
        """
        askers = self._asking(self._resolver.askers(asked))
        found, cold = self._resolver.candidates(asked)
        cold_states = self._cold_states(cold)
        behind = Behind(askers.arrays, found, cold, self._items)
        ranked: list[Ranked] = []
        for some in _groups(found):
            answers = self._answers(askers, found, some, cold, cold_states)
            ranked += _shares(answers, asked, some, behind)
        return ranked

    def _asking(self, columns: SideColumns) -> "_Askers":
        live = self._live
        users = len(columns)
        keys, at_ms = {}, np.zeros(0, np.int64)
        arrays = columns.arrays
        if live.past is not None:
            arrays, at_ms = live.past.timed(arrays, users)
            keys = {column: live.past.key(column, columns.values[column]) for column in self._user_keys}
            arrays = arrays | live.past.answers(keys, at_ms, live.past.features(Half.USER))
        states = live.runtime.user_states({raw.column: arrays[raw.column] for raw in self._user_half})
        return _Askers(states.repeated(users), arrays, keys, at_ms)

    def _cold_states(self, cold: SideColumns) -> States | None:
        if not len(cold):
            return None
        arrays = {raw.column: cold.arrays[raw.column] for raw in self._item_half}
        return self._live.runtime.item_states(arrays).repeated(len(cold))

    def _answers(
        self,
        askers: "_Askers",
        found: Sequence[Candidates],
        some: range,
        cold: SideColumns,
        cold_states: States | None,
    ) -> Answers:
        """The probabilities of a group's candidates: those of the catalog first, then the cold ones, question by question."""
        parts: list[tuple[States, Arrays]] = []
        of_users: list[NDArray[np.int64]] = []
        rows = np.concatenate([found[place].rows for place in some])
        if len(rows) and self._items is not None:
            of_user = np.repeat(np.array(some), [len(found[place].rows) for place in some])
            parts.append((self._items.states_of(rows), self._kept(askers, of_user, self._items, rows)))
            of_users.append(of_user)
        places = np.arange(found[some[0]].cold.start, found[some[-1]].cold.stop)
        if len(places) and cold_states is not None:
            of_user = np.repeat(np.array(some), [len(found[place].cold_ids) for place in some])
            parts.append((cold_states.take(places), self._new(askers, of_user, cold, places)))
            of_users.append(of_user)
        if not parts:
            return {"probability": np.zeros(0, np.float32)}
        # Only the users of this group, so that the call pays for no other.
        users = askers.states.take(np.array(some))
        whose = (np.concatenate(of_users) - some[0]).astype(np.int32)
        states, arrays = (
            States.joined([states for states, _ in parts]),
            _joined([arrays for _, arrays in parts]),
        )
        answers = self._live.runtime.joint(users, whose, states, arrays)
        check(answers, len(whose), self._live, "candidate")
        return answers

    def _kept(
        self, askers: "_Askers", of_user: NDArray[np.int64], items: ItemTable, rows: NDArray[np.int64]
    ) -> Arrays:
        """The raw columns of the joint half for candidates that the catalog has."""
        columns = [raw for raw in self._joint_half if raw.side is Side.ITEM and not raw.history]
        past = self._live.past
        keys = (
            {
                column: past.kept(column, items.keys_of(column, rows), items.edition)
                for column in self._item_keys
            }
            if past
            else {}
        )
        return self._both(askers, of_user, items.arrays_of(rows, columns), keys)

    def _new(
        self, askers: "_Askers", of_user: NDArray[np.int64], cold: SideColumns, places: NDArray[np.int64]
    ) -> Arrays:
        """The same for candidates that came with their features."""
        past = self._live.past
        keys = (
            {column: past.key(column, cold.values[column]).take(places) for column in self._item_keys}
            if past
            else {}
        )
        return self._both(askers, of_user, {name: array[places] for name, array in cold.arrays.items()}, keys)

    def _both(
        self, askers: "_Askers", of_user: NDArray[np.int64], of_items: Arrays, item_keys: Mapping[str, Key]
    ) -> Arrays:
        """The raw columns of the joint half: the users', the items', and what history knows of both."""
        past = self._live.past
        one = len(of_user) and of_user[0] == of_user[-1]
        told: Arrays = {}
        if past is not None and past.features(Half.JOINT):
            who, size = of_user[:1] if one else of_user, len(of_user)
            keys = {
                name: key.take(who).repeated(size) if one else key.take(who)
                for name, key in askers.keys.items()
            }
            told = past.answers({**keys, **item_keys}, askers.at_ms[who], past.features(Half.JOINT))
        arrays: Arrays = {}
        for raw in self._joint_half:
            if raw.history:
                arrays[raw.column] = told[raw.column]
            elif raw.side is Side.ITEM:
                arrays[raw.column] = of_items[raw.column]
            else:
                arrays[raw.column] = askers.arrays[raw.column][of_user]
        return arrays


@dataclass(frozen=True)
class _Askers:
    """Who asks, one row per question.

    Attributes:
        states: Of the user half.
        arrays: Raw columns of users and moments.
        keys: What history counts by.
        at_ms: When each asks; empty where nothing asks for a time.
    """

    states: States
    arrays: Arrays
    keys: dict[str, Key]
    at_ms: NDArray[np.int64]


def _groups(found: Sequence[Candidates]) -> Iterator[range]:
    """Neighbouring questions that share a call."""
    start = size = 0
    for place, candidates in enumerate(found):
        if size and size + candidates.size > AT_ONCE:
            yield range(start, place)
            start, size = place, 0
        size += candidates.size
    yield range(start, len(found))


def _joined(parts: Sequence[Arrays]) -> Arrays:
    if len(parts) == 1:
        return parts[0]
    return {name: stacked([arrays[name] for arrays in parts]) for name in parts[0]}


def _shares(
    answers: Answers,
    asked: Sequence[RankRequest],
    some: range,
    behind: Behind,
) -> Iterator[Ranked]:
    """Each question's part of a group's answers, best first."""
    found = behind.found
    kept, new = 0, sum(len(found[place].rows) for place in some)
    for place in some:
        candidates = found[place]
        own = np.r_[kept : kept + len(candidates.rows), new : new + len(candidates.cold_ids)]
        kept, new = kept + len(candidates.rows), new + len(candidates.cold_ids)
        probabilities = answers["probability"][own]
        best = best_first(probabilities, asked[place].k)
        yield Ranked(
            ids=_ids(candidates, best, behind.items),
            probabilities=probabilities[best],
            targets={name: array[own][best] for name, array in answers.items() if name != "probability"},
            unknown=candidates.unknown,
            scored=probabilities,
            best=best,
            place=place,
            behind=behind,
        )


def best_first(probabilities: Probabilities, k: int | None) -> NDArray[np.int64]:
    """Places of the ``k`` highest probabilities, falling; equals keep their order."""
    size = len(probabilities)
    if k is None or k >= size:
        return np.argsort(-probabilities, kind="stable")
    # Everything as good as the k-th, so that equals are told apart by their order.
    least = np.partition(probabilities, size - k)[size - k]
    among = np.flatnonzero(probabilities >= least)
    best: NDArray[np.int64] = among[np.argsort(-probabilities[among], kind="stable")[:k]]
    return best


def _ids(candidates: Candidates, best: NDArray[np.int64], items: ItemTable | None) -> list[str]:
    kept = len(candidates.rows)
    if items is not None and not candidates.cold_ids:
        return items.ids_of(candidates.rows[best])
    return [
        candidates.cold_ids[place - kept]
        if place >= kept or items is None
        else items.ids_of(candidates.rows[[place]])[0]
        for place in best.tolist()
    ]
