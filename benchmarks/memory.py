"""The largest resident memory of a whole run over ten million impressions, against one over a million.

Each run is a process of its own; AXON_BENCH_IMPRESSIONS (default 1000000,10000000) names other sizes.
"""

import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

SIZES = os.environ.get("AXON_BENCH_IMPRESSIONS", "1000000,10000000")


def memory_ratio() -> dict[str, float]:
    """Peak megabytes of both runs and their ratio."""
    small, large = (_peak_mb(int(size)) for size in SIZES.split(","))
    return {"small run, MB": small, "large run, MB": large, "ratio": round(large / small, 3)}


def _peak_mb(impressions: int) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", str(impressions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _run(impressions: int) -> None:
    """Simulate in another process, train in this one, print this one's peak."""
    from benchmarks.pipeline import reference_task
    from training.pipeline import Places, train
    from training.progress import Silent

    with tempfile.TemporaryDirectory() as directory:
        shop = Path(directory) / "data"
        simulate = [
            sys.executable,
            "-m",
            "axon",
            "simulate",
            str(shop),
            "--impressions",
            str(impressions),
            "-q",
        ]
        subprocess.run(simulate, check=True)
        task = reference_task()
        task = task.model_copy(update={"model": task.model.model_copy(update={"hidden": (32,)})})
        places = Places(data_root=shop, runs=Path(directory) / "runs", registry=None)
        train(task, places, now=datetime.now(UTC), progress=Silent())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _run(int(sys.argv[1]))
