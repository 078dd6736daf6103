"""What an export costs and whether it answers its own warm-up requests: a bundle comes in, an `ExportFacts` goes out.

`training.gate.challenge` measures it, `training.gate.gate` compares it with the budgets.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from features.document import FiniteDocument
from features.raw import missing, read_column, to_array
from features.spec import RawInput
from registry.manifest import WARMUP
from training.encoding.encode import as_tensors
from training.export.loaded import LoadedModel

LATENCY_ROWS = 100
CALLS = 30


class ExportFacts(FiniteDocument):
    """The export as an operator feels it."""

    megabytes: float = Field(ge=0, description="of all files, in units of 1,000,000 bytes")
    latency_ms: float = Field(gt=0, description="for 100 impressions in one call, the median of 30 calls")
    unanswered: tuple[str, ...] = Field(
        default=(), description="warm-up requests without a probability, and why"
    )


def export_facts(bundle: Path, model: LoadedModel, sample: pl.DataFrame) -> ExportFacts:
    """Measure a bundle.

    Args:
        bundle: Its directory.
        model: The same, loaded.
        sample: Typed impressions, at least one; repeated or cut to `LATENCY_ROWS`.
    """
    rows = sample[np.arange(LATENCY_ROWS) % len(sample)]
    return ExportFacts(
        megabytes=round(sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6, 3),
        latency_ms=round(_median_ms(model, rows), 3),
        unanswered=tuple(_unanswered(bundle, model)),
    )


def _median_ms(model: LoadedModel, rows: pl.DataFrame) -> float:
    model.probabilities(rows)
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        model.probabilities(rows)
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times))


def _unanswered(bundle: Path, model: LoadedModel) -> list[str]:
    """Each warm-up request alone, as a request comes."""
    found = []
    for number, request in enumerate(json.loads((bundle / WARMUP).read_bytes())["rows"], 1):
        arrays = {raw.column: _array(raw, request) for raw in model.raw_inputs}
        probability = float(model.answer_arrays(as_tensors(arrays))[0])
        if not 0.0 <= probability <= 1.0:
            found.append(f"warm-up request {number} got {probability}; expected a probability in [0, 1]")
    return found


def _array(raw: RawInput, request: Mapping[str, Mapping[str, Any]]) -> Any:
    column, problems = read_column(raw, [request.get(raw.side, {}).get(raw.column)], text=False)
    return to_array(raw, [missing(raw)] if problems else column)
