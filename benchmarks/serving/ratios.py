"""The figures that are asked for: loads, weights and stress come in, each figure with what was reached goes out."""

from dataclasses import dataclass, field
from statistics import median

from benchmarks.serving.plans import CAREFUL, FLOOR, MOSEC, OURS, OURS_ONNX, OURS_TF
from benchmarks.serving.rounds import Cell, Loads
from benchmarks.serving.stress import Soak, Stress

MEASURED = {("S1", 64): 440 / 4_900, ("S2", 8): 350 / 2_900, ("S3", 8): 82 / 640}
"""Requests per second of the careful service over the floor, on a quiet machine of two cores, of the reference network."""

VALID_SHARE = 0.9


@dataclass(frozen=True)
class Weight:
    """What a server takes before and after it is asked: seconds until ready, and resident MB after the run."""

    ready_s: float
    resident_mb: float


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        asked: The least that is asked for, or the most where `at_most` is true; None where it is only told.
        reached: By server; None where it was not measured.
    """

    what: str
    asked: float | None
    reached: dict[str, float | None]
    at_most: bool = False

    @property
    def best(self) -> float | None:
        """The best of ours."""
        known = [value for value in self.reached.values() if value is not None]
        return None if not known else (min if self.at_most else max)(known)

    @property
    def is_reached(self) -> bool | None:
        """Whether the best is good enough; None where nothing is asked or known."""
        if self.asked is None or self.best is None:
            return None
        return self.best <= self.asked if self.at_most else self.best >= self.asked


@dataclass(frozen=True)
class Found:
    """Everything that a run has seen."""

    check: Loads = field(default_factory=dict)
    loads: Loads = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)
    steady: list[Stress] = field(default_factory=list)
    overload: list[Stress] = field(default_factory=list)
    soaks: list[Soak] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def paired(loads: Loads, over: Cell, under: Cell) -> float | None:
    """The median over the rounds of one cell's rate over another's; None where either was not measured."""
    pairs = zip(loads.get(over, ()), loads.get(under, ()), strict=False)
    ratios = [one.rate / other.rate for one, other in pairs if other.rate > 0]
    return median(ratios) if ratios else None


def validity(check: Loads) -> list[Figure]:
    """The careful service's share of the floor, over the share that it has on a quiet machine."""
    figures = []
    for (shape, connections), share in MEASURED.items():
        found = paired(check, Cell(CAREFUL, shape, connections), Cell(FLOOR, shape, connections))
        reached = None if found is None else found / share
        figures.append(
            Figure(f"{shape} c{connections}: (c) over (b), of {share:.3f}", VALID_SHARE, {CAREFUL: reached})
        )
    return figures


def is_valid(check: Loads) -> bool:
    """Whether the servers that we compare with run as fast as they can."""
    return all(figure.is_reached for figure in validity(check))


def figures(found: Found) -> list[Figure]:
    """Every line of the table that is asked for."""
    return [
        *_rates(found.loads),
        *_latency(found.loads),
        *_weights(found.weights),
        *_stress(found),
        *_soaks(found),
    ]


def _rates(loads: Loads) -> list[Figure]:
    asked: list[tuple[str, str, int, str, str, float]] = [
        ("S1", "S1", 8, CAREFUL, "(c)", 4),
        ("S1", "S1", 64, CAREFUL, "(c)", 12),
        ("S1", "S1", 64, FLOOR, "(b)", 1),
        ("S1", "S1", 64, MOSEC, "Mosec", 1),
        ("S2 by id", "S2", 8, CAREFUL, "(c)", 5),
        ("S3 by id", "S3", 8, CAREFUL, "(c)", 6),
        ("S3", "S3", 8, CAREFUL, "(c)", 1.8),
    ]
    return [
        Figure(
            f"{shape} c{connections}: requests/s over {label}",
            least,
            {
                name: paired(loads, Cell(name, shape, connections), Cell(other, of, connections))
                for name in OURS
            },
        )
        for shape, of, connections, other, label, least in asked
    ]


def _latency(loads: Loads) -> list[Figure]:
    careful = [load.p50_ms for load in loads.get(Cell(CAREFUL, "S3", 1), [])]
    reached: dict[str, float | None] = {}
    for name in OURS:
        ours = [load.p99_ms for load in loads.get(Cell(name, "S3 by id", 1), [])]
        reached[name] = median(ours) / median(careful) if ours and careful and median(careful) else None
    return [Figure("S3 by id c1: p99 over p50 of (c)", 0.4, reached, at_most=True)]


def _weights(weights: dict[str, Weight]) -> list[Figure]:
    onnx, tensorflow = weights.get(OURS_ONNX), weights.get(OURS_TF)
    memory = onnx.resident_mb / tensorflow.resident_mb if onnx and tensorflow else None
    return [
        Figure("memory of ONNX over TensorFlow", 0.35, {OURS_ONNX: memory}, at_most=True),
        Figure("seconds to /readyz, ONNX", 3.0, {OURS_ONNX: onnx.ready_s if onnx else None}, at_most=True),
    ]


def _stress(found: Found) -> list[Figure]:
    lines = []
    for seen in found.steady:
        load = seen.load
        tail = load.p999_ms / load.p50_ms if load.p999_ms is not None and load.p50_ms else None
        what = f"{seen.shape}: p99.9 over p50 at {seen.times:.0%} of the peak"
        asked = 10.0 if (seen.shape, seen.times) == ("S2", 0.7) else None
        lines.append(Figure(what, asked, {seen.server: tail}, at_most=True))
    for seen in found.overload:
        what = f"{seen.shape} at 3 times the peak"
        # At one pair a request the refusals alone fill a core: its goodput is told, not asked for.
        least = None if seen.shape == "S1" else 0.9
        lines += [
            Figure(f"{what}: sent over peak", None, {seen.server: seen.load.sent / seen.peak}),
            Figure(f"{what}: refused of what was sent", None, {seen.server: seen.load.refused}),
            Figure(f"{what}: goodput over peak", least, {seen.server: seen.load.good / seen.peak}),
            Figure(f"{what}: other errors", 0, {seen.server: seen.load.errors}, at_most=True),
            Figure(f"{what}: process alive", 1, {seen.server: float(seen.alive)}),
        ]
    return lines


def _soaks(found: Found) -> list[Figure]:
    return [
        Figure(f"{seen.requests:,} requests: MB per 10,000", 1.0, {seen.server: seen.slope_mb}, at_most=True)
        for seen in found.soaks
    ]
