"""Speed and memory as ratios within one run: ``make bench``, or ``python -m benchmarks [speed] [pipeline] [memory]``."""

import argparse
import json
import os
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """Run the named benchmarks, all by default, and print what they found."""
    from benchmarks.memory import memory_ratio
    from benchmarks.pipeline import pipeline_ratio
    from benchmarks.speed import step_ratio

    known: dict[str, Callable[[], dict[str, float]]] = {
        "speed": step_ratio,
        "pipeline": pipeline_ratio,
        "memory": memory_ratio,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*known, []], help="which; all by default")
    for name in parser.parse_args().names or known:
        print(json.dumps({name: known[name]()}, indent=1), flush=True)


if __name__ == "__main__":
    main()
