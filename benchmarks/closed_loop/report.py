"""What a course looks like: rounds come in, a table, a picture and a document for machines go out to the command."""

from html import escape
from typing import Any

from benchmarks.closed_loop.loop import Course
from benchmarks.closed_loop.system import Retrained

_HEAD = (
    "round",
    "version",
    "impressions",
    "clicked",
    "truth",
    "served",
    "above truth",
    "frozen",
    "above truth",
    "gate",
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 280, 60, 34, 40
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}path{fill:none;stroke-width:2}"
    ".served{stroke:#2f6fb3}.frozen{stroke:#b0552f}.grid{stroke:#d5d8dc;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.served{stroke:#6ea8e0}.frozen{stroke:#e0946e}.grid{stroke:#44484d}}"
)


def table(course: Course) -> str:
    """The rounds in Markdown, one per line; log losses in nats."""
    lines = [_line(_HEAD), _line(("---",) * len(_HEAD))]
    for number, seen in enumerate(course.rounds, 1):
        cells = (
            str(number),
            str(seen.version),
            f"{seen.impressions:,}",
            f"{seen.click_rate:.1%}",
            f"{seen.truth:.4f}",
            f"{seen.served:.4f}",
            f"{seen.served_above_truth:+.1%}",
            f"{seen.frozen:.4f}",
            f"{seen.frozen_above_truth:+.1%}",
            _verdict(course.gates[number - 1]) if number <= len(course.gates) else "",
        )
        lines.append(_line(cells))
    return "\n".join(lines)


def document(course: Course) -> dict[str, Any]:
    """The same for machines."""
    return {
        "rounds": [
            {
                "version": seen.version,
                "impressions": seen.impressions,
                "click_rate": round(seen.click_rate, 5),
                "log_loss": {name: round(getattr(seen, name), 6) for name in ("truth", "served", "frozen")},
            }
            for seen in course.rounds
        ],
        "gates": [{"version": gate.version, "reasons": gate.reasons} for gate in course.gates],
        "sabotaged": {"version": course.sabotaged.version, "reasons": course.sabotaged.reasons},
    }


def picture(course: Course) -> str:
    """How far the served and the frozen version are above the truth, round by round, as an SVG."""
    lines = {
        "served": [100 * seen.served_above_truth for seen in course.rounds],
        "frozen": [100 * seen.frozen_above_truth for seen in course.rounds],
    }
    highest = max(1.0, *(max(values) for values in lines.values()))
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if highest / step <= 6)
    parts = [
        '<text class="title" x="0" y="18">Log loss above that of the true probabilities, by round</text>'
    ]
    for tick in range(0, int(highest) + step, step):
        y = _y(tick, highest)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - 90}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick} %</text>')
    for name, values in lines.items():
        points = [(_x(place, len(values)), _y(value, highest)) for place, value in enumerate(values)]
        parts.append(f'<path class="{name}" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + '"/>')
        parts.append(f'<text x="{points[-1][0] + 8:.1f}" y="{points[-1][1] + 4:.1f}">{escape(name)}</text>')
    for place in range(len(course.rounds)):
        x = _x(place, len(course.rounds))
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{place + 1}</text>')
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    title = "Log loss above the truth by round"
    return f"<svg {box}><title>{title}</title><style>{_STYLE}</style>{''.join(parts)}</svg>\n"


def _x(place: int, count: int) -> float:
    return _LEFT + 20 + place * (_WIDTH - _LEFT - 130) / max(1, count - 1)


def _y(value: float, highest: float) -> float:
    return _HEIGHT - _BOTTOM - value / highest * (_HEIGHT - _TOP - _BOTTOM)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(gate: Retrained) -> str:
    return f"published {gate.version}" if gate.version is not None else f"refused ({len(gate.reasons)})"
