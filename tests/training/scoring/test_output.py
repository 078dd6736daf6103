from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from training.scoring.output import ScoredWriter


@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_cells_of_text_take_lists_objects_spans_and_bytes(tmp_path: Path, ending: str, separator: str):
    frame = pl.DataFrame(
        {
            "tags": [["a", "b"], None],
            "user": [{"id": 7}, {"id": None}],
            "took": [timedelta(seconds=2), None],
            "raw": [b"\x00\xff", None],
            "probability": [0.25, 0.5],
        }
    )
    with ScoredWriter(tmp_path / f"scored{ending}") as writer:
        writer.write(frame)
        writer.write(frame)
    written = pl.read_csv(tmp_path / f"scored{ending}", separator=separator, infer_schema=False)
    assert written[2:].rows() == [
        ('["a","b"]', '{"id":7}', "PT2S", "00ff", "0.25"),
        (None, '{"id":null}', None, None, "0.5"),
    ]
