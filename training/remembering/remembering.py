"""Feeds a store of history from the journals: what was decided and done comes in, every outcome is counted once.

``axon remember`` calls `Remembering.step`, once or again and again. The store itself says how far it has come, in the same
write as the outcomes: whoever is killed at any moment and started again goes on as if nothing had happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from features.moments import epoch_ms
from features.spec import FeatureSpec
from history import History, HistoryStore
from history.packed.packed import PackedHistory
from history.stores.copy import copy_records
from history.stores.filling import definitions_of, fill, found_in
from history.stores.opening import open_store
from history.stores.store import Unchanged
from history.stores.writer import claim_of
from registry.manifest import HISTORY
from registry.reference import ModelRef
from registry.registry import Registry
from registry.version import Version
from training.config import HistoryConfig, TaskConfig
from training.errors import ConfigError, OtherHistoryError
from training.export.stored_task import history_of
from training.join.labelling import LABELS, Labelled, label_column
from training.join.rules import JoinRules
from training.remembering.cursor import Cursor
from training.remembering.following import Following, Patience
from training.remembering.rows import outcomes_of


@dataclass(frozen=True)
class Sources:
    """Where things are.

    Attributes:
        store: Of history, as ``AXON_HISTORY`` has it.
        decisions: The journals, as ``AXON_DECISIONS`` has it.
        registry: With the champion, whose snapshot the store begins with.
    """

    store: str
    decisions: str
    registry: Registry


@dataclass
class Remembered:
    """What came of a step.

    Attributes:
        impressions: Counted into the store.
        clicked: Of them.
        late: Decisions and events that came when what they tell about was counted already; they change nothing.
        undescribed: Impressions left out because the journal does not have the item's features.
        unreadable: Impressions left out because a key or the time cannot be read.
        seeded: Records copied from the champion's snapshot, where the store began with it.
        shown_ms: Every impression shown up to this moment, milliseconds since the epoch, is in the store.
    """

    impressions: int = 0
    clicked: int = 0
    late: int = 0
    undescribed: int = 0
    unreadable: int = 0
    seeded: int = 0
    shown_ms: int = 0

    @property
    def is_worth_telling(self) -> bool:
        """Whether anything happened."""
        return any((self.impressions, self.late, self.undescribed, self.unreadable, self.seeded))


@dataclass(frozen=True)
class _Fed:
    """The version whose history is fed."""

    version: Version
    spec: FeatureSpec
    history: History


class Remembering:
    """Feeds one model's history.

    Nothing is opened before the first step, and what fails there is opened anew with the next one.

    Args:
        config: The task; its ``retrain.join`` says what was shown. When an outcome is known says the champion's own task, by
            its ``history.delay``: so it was when the champion learned.
        sources: Where things are.
        patience: How long is waited.
        seed_again: Whether the first step empties the store and fills it from the champion's snapshot.

    Raises:
        ConfigError: If nobody could tell what was clicked when.
        StoreError: If the store's address is none that can be fed.
    """

    def __init__(
        self, config: TaskConfig, sources: Sources, patience: Patience, *, seed_again: bool = False
    ) -> None:
        self._label = _label_of(config)
        self._config = config
        self._delay_ms = config.history.delay_ms
        self._sources = sources
        self._patience = patience
        self._seed_again = seed_again
        self._claim = claim_of(sources.store, config.name)
        self._store: HistoryStore | None = None
        self._fed: _Fed | None = None
        self._following: Following | None = None
        self._cursor: Cursor | None = None

    def step(self, now_ms: int, stop: Callable[[], bool] = lambda: False) -> Remembered:
        """Count every impression whose outcome is known by now.

        Args:
            now_ms: The present, milliseconds since the epoch.
            stop: Whether to end early; asked between two writes.

        Raises:
            OtherHistoryError: If the store was filled with other definitions than the champion's.
            BusyStoreError: If somebody else writes the store.
            StoreError: If the store cannot be read or written.
            JournalError: If the journals cannot be read.
            RegistryError: If there is no champion.
        """
        try:
            self._claim.hold()
            return self._step(now_ms, stop)
        except BaseException:
            # Nobody knows how far it was read: what is in the store says it.
            self._let_go()
            raise

    def close(self) -> None:
        """Let go of the store, so that somebody else may write it."""
        self._let_go()
        if self._store is not None:
            self._store.close()
            self._store = self._fed = None
        self._claim.close()

    def _step(self, now_ms: int, stop: Callable[[], bool]) -> Remembered:
        told = Remembered()
        fed = self._open()
        cursor, before = self._begun(fed, now_ms, told)
        # Whoever goes on has been told everything that came before.
        since_ms = 0 if self._following is not None and cursor == self._cursor else cursor.read_ms
        following = self._follow(cursor)
        told.late = following.read(now_ms, cursor.shown_ms, since_ms)
        until_ms = now_ms - self._patience.grace_ms - self._delay_ms
        while cursor.shown_ms < until_ms and not stop():
            end_ms, rows, joined = following.period(cursor.shown_ms, until_ms)
            told.undescribed += joined.undescribed
            cursor = cursor.moved(end_ms, now_ms)
            self._count(fed, rows, cursor, before, told)
            before = cursor.unchanged()
        following.forget(cursor.shown_ms)
        self._cursor, told.shown_ms = cursor, cursor.shown_ms
        return told

    def _count(
        self, fed: _Fed, rows: Sequence[Labelled], cursor: Cursor, before: Unchanged, told: Remembered
    ) -> None:
        """Keep what became of some impressions, and how far that is; nothing if somebody else went on meanwhile.

        A claim on Redis may run out unnoticed while this process stands still.
        """
        self._claim.hold()
        rows = [one for one in rows if cursor.is_new(one)]
        if not rows:
            fed.history.store.put(cursor.changes(), before)
            return
        impressions, outcomes, unreadable = outcomes_of(fed.spec, rows, self._label, delay_ms=self._delay_ms)
        fed.history.record(impressions, outcomes, cursor.changes(), before)
        told.impressions += len(outcomes.rows)
        told.clicked += int(outcomes.clicked.sum())
        told.unreadable += unreadable

    def _open(self) -> _Fed:
        """The champion of this moment, and its history in the store."""
        registry = self._sources.registry
        version = registry.resolve(ModelRef.parse(self._config.name))
        if self._fed is None or self._fed.version.number != version.number:
            version = registry.fetch(version)
            spec = version.fitted_spec().spec
            if not spec.history:
                raise ConfigError(f"{version}: expected a model with features.history, got one without")
            if self._store is None:
                self._store = open_store(self._sources.store, self._config.name)
            learned = history_of(version, self._config)
            _check_delay(learned, f"{version} learned with ")
            self._delay_ms = learned.delay_ms
            self._fed = _Fed(version, spec, History(spec.history, self._store))
        return self._fed

    def _begun(self, fed: _Fed, now_ms: int, told: Remembered) -> tuple[Cursor, Unchanged]:
        """How far the store has come; it is filled from the snapshot where nobody has done so to the end."""
        wanted = definitions_of(fed.history.features)
        store = fed.history.store
        cursor, before = (None, found_in(store)) if self._seed_again else Cursor.read(store)
        if cursor is None:
            cursor, told.seeded = _seed(fed.version, fed.history, now_ms, before)
            before = cursor.unchanged()
            self._seed_again = False
        elif cursor.definitions != wanted:
            changed = sorted(
                name
                for name in cursor.definitions.keys() | wanted.keys()
                if cursor.definitions.get(name) != wanted.get(name)
            )
            raise OtherHistoryError(
                f"the store of {fed.version.name} was filled with other definitions of history than those of {fed.version}: "
                f"{', '.join(changed)}; --seed-again fills it anew from the snapshot of {fed.version} and the journals since"
            )
        return cursor, before

    def _follow(self, cursor: Cursor) -> Following:
        """What the journals say after the cursor: from where they were read last, or, where the store says otherwise, anew."""
        if self._following is None or cursor != self._cursor:
            self._let_go()
            self._following = Following(
                self._sources.decisions, self._rules, self._label, self._patience, cursor.shown_ms
            )
        return self._following

    def _rules(self, after_ms: int, until_ms: int) -> JoinRules:
        """Of a period: what was shown after one moment and up to another."""
        delay_ms, how = self._delay_ms, self._config.retrain.join
        # The labels of a log that is joined from the same journals are its window's.
        window_ms = delay_ms if how.decisions is None else min(delay_ms, how.window_ms)
        return JoinRules.of_task(
            self._config, window_ms=window_ms, since_ms=after_ms + 1, until_ms=until_ms + window_ms
        )

    def _let_go(self) -> None:
        if self._following is not None:
            self._following.close()
            self._following = None


def _seed(version: Version, history: History, now_ms: int, before: Unchanged) -> tuple[Cursor, int]:
    """Fill a store from a snapshot; the cursor is written last, so that whoever is killed here begins here again.

    Only one can: whoever begins later ends whoever began before.
    """
    manifest = version.manifest()
    end, joined = manifest.counted_until, manifest.history_shown_until
    if end is None:
        raise ConfigError(
            f"{version}: expected a model of a log with data.time, got one without a clock: nobody could tell which "
            "impressions came after its snapshot"
        )
    end_ms, joined_ms = epoch_ms(end), None if joined is None else epoch_ms(joined)
    names = [feature.name for feature in history.features]
    ours = fill(history.store, before)
    for name in names:
        history.store.clear(name, ours)
    snapshot = PackedHistory.open(version.directory / HISTORY, history.features)
    copied = copy_records(snapshot, history.store, names, ours)
    cursor = Cursor(
        # Of what was shown after that some is in the snapshot: the cursor tells which.
        shown_ms=end_ms if joined_ms is None else min(end_ms, joined_ms),
        snapshot_ms=end_ms,
        snapshot_shown_ms=joined_ms,
        read_ms=now_ms,
        definitions=definitions_of(history.features),
    )
    history.store.put(cursor.changes(), ours)
    return cursor, copied


def _label_of(config: TaskConfig) -> str:
    """The column that says whether an impression was clicked, among those of the join."""
    _check_delay(config.history)
    label = label_column(config.data.target, config.data.label)
    if label not in LABELS.values():
        raise ConfigError(
            f"data.target: expected one of {', '.join(LABELS)}, got {config.data.target!r}: feedback tells of no other"
        )
    return label


def _check_delay(history: HistoryConfig, who: str = "") -> None:
    if history.delay_ms == 0:
        raise ConfigError(
            f"{who}history.delay: expected how long after its impression an outcome is known, such as 30m, got 0s: whoever "
            "counts live has to wait for the click; name it and train the model anew"
        )
