"""The encoder's one pass over the log: chunk files come in, encoded stores and the facts of each slice go out."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.encoder import Encoder
from features.fitted import FittedSpec
from features.spec import FeatureSpec
from training.encoding.encode import compiled, raw_tensors
from training.encoding.statistics import SpecStatistics
from training.encoding.store import EncodedStore, StoreWriter
from training.errors import DataError
from training.export.parity import PARITY_ROWS
from training.log.ingest import Ingested, TypedChunk
from training.log.split import Cuts, Slice, moment
from training.progress import Progress
from training.targets import Targets

NAMES = {part: f"the {part.name.lower()} slice" for part in Slice}
"""What the slices are called where they are refused."""

FEWEST_NON_CLICKS = 20
"""Non-clicks are left out where there are plenty of them: a rate that leaves fewer is a slip of the pen."""


@dataclass(frozen=True)
class SliceFacts:
    """What is known of a slice beside its encoding, row by row in the order of its store.

    Attributes:
        clicked: Labels of the first target.
        outcomes: Labels of the further ones, shape ``(n, further targets)``.
        time_ms: When each was, shape ``(n,)``; its place in the log where that has no clock.
        kept: Columns for the report.
        first_ms: Time of the earliest impression; None where the log has no clock.
        last_ms: Time of the latest impression.
        impressions: How many there are.
    """

    clicked: NDArray[np.int8]
    outcomes: NDArray[np.int8]
    time_ms: NDArray[np.int64]
    kept: pl.DataFrame
    first_ms: int | None
    last_ms: int | None
    impressions: int

    def labels(self, target: int) -> NDArray[np.int8]:
        """The labels ``(n,)`` of the first target, or of one after it."""
        return self.outcomes[:, target - 1] if target else self.clicked

    @property
    def first(self) -> datetime | None:
        """Time of the earliest impression."""
        return moment(self.first_ms)

    @property
    def last(self) -> datetime | None:
        """Time of the latest impression."""
        return moment(self.last_ms)


@dataclass(frozen=True)
class Slices:
    """The encoded log."""

    stores: dict[Slice, EncodedStore]
    facts: dict[Slice, SliceFacts]
    held_out_sample: pl.DataFrame
    sample_places: NDArray[np.int64]

    def labels_in_time(self, target: int) -> NDArray[np.int8]:
        """The labels ``(rows,)`` of all slices in the order of time, of the first target or of one after it."""
        labels, times = (
            np.concatenate(columns)
            for columns in zip(
                *((one.labels(target), one.time_ms) for one in self.facts.values()), strict=True
            )
        )
        in_time: NDArray[np.int8] = labels[np.argsort(times, kind="stable")]
        return in_time


def fit_statistics(
    spec: FeatureSpec, ingested: Ingested, cuts: Cuts, *, seed: int, progress: Progress
) -> FittedSpec:
    """Fit vocabularies, scales and edges on the training slice alone."""
    statistics = SpecStatistics(spec, np.random.default_rng(seed))
    with progress.stage("statistics", unit="impressions", total=ingested.rows) as bar:
        for chunk in ingested.chunks():
            statistics.update(chunk.rows(cuts.slices(chunk.time_ms) == Slice.TRAIN).raw)
            bar.advance(len(chunk.time_ms))
    return statistics.fitted()


def fit_whole_statistics(
    spec: FeatureSpec, ingested: Ingested, *, seed: int, progress: Progress
) -> FittedSpec:
    """The same on every impression of the log."""
    return fit_statistics(
        spec, ingested, Cuts(int(ingested.time_ms.max()) + 1, None), seed=seed, progress=progress
    )


class WholeStores(NamedTuple):
    """Every impression of the log, with ``keep_rate`` of the non-clicks, and all of those of each held-out slice."""

    whole: EncodedStore
    held_out: dict[Slice, EncodedStore]


def encode_whole(  # each is one thing that an encoding needs
    encoder: Encoder,
    ingested: Ingested,
    cuts: Cuts,
    *,
    keep_rate: float,
    seed: int,
    work_dir: Path,
    progress: Progress,
) -> WholeStores:
    """Encode the log once more, every impression to be trained on."""

    def store(name: str) -> EncodedStore:
        return EncodedStore(work_dir / f"{name}.records", encoder.layout, ingested.targets)

    def append(writer: StoreWriter, chunk: TypedChunk) -> None:
        encoded = encode(raw_tensors(chunk.raw, raw_inputs))
        writer.append(encoded.ids.numpy(), encoded.values.numpy(), chunk.clicked, chunk.outcomes)

    parts = [Slice.VALIDATION, Slice.TEST][: cuts.held_out]
    stores = WholeStores(store("whole"), {part: store(f"whole-{part.name.lower()}") for part in parts})
    encode, raw_inputs = compiled(encoder), encoder.fitted.spec.raw_inputs()
    rng = np.random.default_rng([seed, 1])
    with progress.stage("encoding", unit="impressions", total=ingested.rows) as bar, ExitStack() as stack:
        whole = stack.enter_context(StoreWriter(stores.whole))
        writers = {part: stack.enter_context(StoreWriter(one)) for part, one in stores.held_out.items()}
        for chunk in ingested.chunks():
            append(whole, thinned(chunk, keep_rate, rng))
            for part, writer in writers.items():
                append(writer, chunk.rows(cuts.slices(chunk.time_ms) == part))
            bar.advance(len(chunk.time_ms))
    return stores


def thinned(chunk: TypedChunk, keep_rate: float, rng: np.random.Generator) -> TypedChunk:
    """The chunk with ``keep_rate`` of its non-clicks."""
    if keep_rate == 1:
        return chunk
    return chunk.rows((chunk.clicked == 1) | (rng.random(len(chunk.clicked)) < keep_rate))


def encode_slices(  # noqa: PLR0913  # each is one thing that an encoding needs
    encoder: Encoder,
    ingested: Ingested,
    cuts: Cuts,
    *,
    keep_rate: float,
    seed: int,
    work_dir: Path,
    progress: Progress,
    names: Mapping[Slice, str] = NAMES,
) -> Slices:
    """Encode every impression once.

    Args:
        encoder: The encoder that will be exported.
        ingested: The log.
        cuts: Which impression belongs to which slice.
        keep_rate: Share of the training slice's non-clicks that are kept.
        seed: Chooses those non-clicks.
        work_dir: Where the stores go.
        progress: Told about every chunk.
        names: What the slices are called where they are refused.

    Raises:
        DataError: If a slice has clicks or non-clicks alone, or ``keep_rate`` leaves hardly any non-clicks.
    """
    collector = _Collector(encoder, ingested, cuts, work_dir=work_dir, names=names)
    rng = np.random.default_rng([seed, 1])
    with progress.stage("encoding", unit="impressions", total=ingested.rows) as bar, collector:
        for chunk in ingested.chunks():
            slices = cuts.slices(chunk.time_ms)
            for part in Slice:
                mask = slices == part
                if mask.any():
                    collector.add(part, chunk.rows(mask), keep_rate if part is Slice.TRAIN else 1.0, rng)
            bar.advance(len(chunk.time_ms))
    encoded = collector.slices()
    _refuse_few_non_clicks(encoded, keep_rate)
    return encoded


class _Collector:
    """Takes encoded chunks apart by slice."""

    def __init__(
        self, encoder: Encoder, ingested: Ingested, cuts: Cuts, *, work_dir: Path, names: Mapping[Slice, str]
    ) -> None:
        self.names = names
        self.raw_inputs = encoder.fitted.spec.raw_inputs()
        self.held_out = cuts.held_out
        self.dated = ingested.dated
        counts = np.bincount(cuts.slices(ingested.time_ms), minlength=3)
        self.stride = max(1, int(counts[self.held_out]) // PARITY_ROWS)
        self.stores = {
            part: EncodedStore(work_dir / f"{part.name.lower()}.records", encoder.layout, ingested.targets)
            for part in Slice
        }
        self._encode = compiled(encoder)
        self._stack = ExitStack()
        self._writers: dict[Slice, StoreWriter] = {}
        self._clicked: dict[Slice, list[NDArray[np.int8]]] = defaultdict(list)
        self._outcomes: dict[Slice, list[NDArray[np.int8]]] = defaultdict(list)
        self._kept: dict[Slice, list[pl.DataFrame]] = defaultdict(list)
        self._times: dict[Slice, list[NDArray[np.int64]]] = defaultdict(list)
        self._rows: dict[Slice, int] = defaultdict(int)
        self._sample: list[pl.DataFrame] = []
        self._places: list[NDArray[np.int64]] = []

    def __enter__(self) -> None:
        self._writers = {
            part: self._stack.enter_context(StoreWriter(store)) for part, store in self.stores.items()
        }

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def add(self, part: Slice, chunk: TypedChunk, keep_rate: float, rng: np.random.Generator) -> None:
        self._times[part].append(chunk.time_ms)
        if part is self.held_out:
            self._draw(chunk.raw)
        self._rows[part] += len(chunk.time_ms)
        self._clicked[part].append(chunk.clicked)
        self._outcomes[part].append(chunk.outcomes)
        if part is not Slice.TRAIN:
            # Codes instead of texts: these stay in memory until the report is made.
            self._kept[part].append(chunk.kept.cast(pl.Categorical))
        chunk = thinned(chunk, keep_rate, rng)
        encoded = self._encode(raw_tensors(chunk.raw, self.raw_inputs))
        self._writers[part].append(encoded.ids.numpy(), encoded.values.numpy(), chunk.clicked, chunk.outcomes)

    def _draw(self, raw: pl.DataFrame) -> None:
        """Keep every so many-th held-out impression for the parity check."""
        places = np.arange(self._rows[self.held_out], self._rows[self.held_out] + len(raw))
        drawn = places % self.stride == 0
        self._sample.append(raw.filter(drawn))
        self._places.append(places[drawn])

    def slices(self) -> Slices:
        return Slices(
            stores=self.stores,
            facts={part: self._facts(part) for part in self._times},
            held_out_sample=pl.concat(self._sample)[:PARITY_ROWS],
            sample_places=np.concatenate(self._places)[:PARITY_ROWS],
        )

    def _facts(self, part: Slice) -> SliceFacts:
        clicked = np.concatenate(self._clicked[part])
        if clicked.min() == clicked.max():
            raise DataError(
                f"expected clicks and non-clicks in {self.names[part]}, got {len(clicked)} impressions "
                f"that all have the label {int(clicked[0])}"
            )
        outcomes, time_ms = np.concatenate(self._outcomes[part]), np.concatenate(self._times[part])
        if part is Slice.TRAIN:
            _refuse_one_outcome(self.stores[part].targets, outcomes)
        return SliceFacts(
            clicked=clicked,
            outcomes=outcomes,
            time_ms=time_ms,
            kept=pl.concat(self._kept[part]) if self._kept[part] else pl.DataFrame(),
            first_ms=int(time_ms.min()) if self.dated else None,
            last_ms=int(time_ms.max()) if self.dated else None,
            impressions=self._rows[part],
        )


def _refuse_few_non_clicks(slices: Slices, keep_rate: float) -> None:
    """The training slice has both labels, but not all of it is trained on."""
    clicked = slices.facts[Slice.TRAIN].clicked
    clicks = int(clicked.sum())
    left = slices.stores[Slice.TRAIN].rows - clicks
    if keep_rate < 1 and left < FEWEST_NON_CLICKS:
        raise DataError(
            f"training.keep_rate: expected a share that leaves at least {FEWEST_NON_CLICKS} non-clicks to train on, got "
            f"{keep_rate}, which leaves {left} of the {len(clicked) - clicks} in the train slice"
        )


def _refuse_one_outcome(targets: Targets, outcomes: NDArray[np.int8]) -> None:
    for name, labels in zip(targets.further, outcomes.T, strict=True):
        if labels.min() == labels.max():
            raise DataError(
                f"expected impressions with and without {name!r} in the train slice, got {len(labels)} that all have the "
                f"label {int(labels[0])}: drop it from targets, or train on a longer log"
            )
