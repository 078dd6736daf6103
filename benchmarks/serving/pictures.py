"""The picture of a run: the loads come in, one SVG with a panel of bars per shape goes out."""

from html import escape
from statistics import median

from benchmarks.serving.plans import OURS
from benchmarks.serving.rounds import Loads

PANELS = (("S1", 64, ("S1 by id",)), ("S2", 8, ("S2 by id",)), ("S3", 8, ("S3 by id",)))
"""Shape, clients, and the shapes by id that stand beside it."""

_TITLES = {
    "S1": "one pair, 64 clients",
    "S2": "100 candidates, 8 clients",
    "S3": "1,000 candidates, 8 clients",
}
_WIDTH, _LABELS, _BAR, _STEP, _HEAD = 720, 230, 16, 22, 34
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.ours{fill:#2f6fb3}.other{fill:#b9bec5}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.ours{fill:#6ea8e0}.other{fill:#5b6168}}"
)


def picture(loads: Loads) -> str:
    """Requests per second, the medians of the rounds; within a panel the lengths are to one scale."""
    parts: list[str] = []
    top = 0
    for shape, clients, by_id in PANELS:
        bars = panel(loads, shape, clients, by_id)
        parts.append(f'<text class="title" x="0" y="{top + 18}">{_TITLES[shape]}: requests per second</text>')
        longest = max((rate for _, rate in bars), default=1.0) or 1.0
        for place, (label, rate) in enumerate(bars):
            parts.append(_bar(label, rate, rate / longest, top + _HEAD + place * _STEP))
        top += _HEAD + len(bars) * _STEP + 14
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img"'
    return f"<svg {box}><title>Requests per second by server</title><style>{_STYLE}</style>{''.join(parts)}</svg>\n"


def panel(loads: Loads, shape: str, clients: int, by_id: tuple[str, ...]) -> list[tuple[str, float]]:
    """The bars of a panel, the fastest first."""
    bars = [
        (cell.server if cell.shape == shape else f"{cell.server}, by id", median(load.rate for load in seen))
        for cell, seen in loads.items()
        if cell.shape in (shape, *by_id) and cell.connections == clients
    ]
    return sorted(bars, key=lambda bar: -bar[1])


def _bar(label: str, rate: float, share: float, top: int) -> str:
    width = max(1.0, share * (_WIDTH - _LABELS - 80))
    style = "ours" if label.removesuffix(", by id") in OURS else "other"
    return (
        f'<text x="{_LABELS - 8}" y="{top + 12}" text-anchor="end">{escape(label)}</text>'
        f'<rect class="{style}" x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}"/>'
        f'<text x="{_LABELS + width + 6:.1f}" y="{top + 12}">{rate:,.0f}</text>'
    )
