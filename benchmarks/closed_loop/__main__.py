"""Ten rounds of the closed loop, printed and written down: ``make bench-loop``, or ``python -m benchmarks.closed_loop``."""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.closed_loop.loop import run
from benchmarks.closed_loop.plan import LoopPlan
from benchmarks.closed_loop.report import document, picture, table


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", default="{}", help="what is not as LoopPlan has it, as JSON")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/benchmarks"), help="for closed-loop.json and .svg"
    )
    asked = parser.parse_args()
    plan, started = LoopPlan.model_validate_json(asked.plan), time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        course = run(
            plan,
            Path(directory) / "loop",
            lambda line: print(f"{time.monotonic() - started:5.0f} s  {line}", flush=True),
        )
    print(f"\n{table(course)}\n\nthe sabotaged challenger:")
    print("\n".join(f"- {reason}" for reason in course.sabotaged.reasons) or "- was published")
    asked.out.mkdir(parents=True, exist_ok=True)
    told = {"plan": plan.model_dump(), **document(course)}
    (asked.out / "closed-loop.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (asked.out / "closed-loop.svg").write_text(picture(course), encoding="utf-8")


if __name__ == "__main__":
    main()
