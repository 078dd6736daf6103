"""The histogram of probabilities against counts by hand."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.metrics.score_histogram import ScoreHistogram


@pytest.fixture
def text() -> str:
    histogram = ScoreHistogram()
    histogram.observe("shop", "1", np.array([0.0, 0.001, 0.25], np.float32))
    histogram.observe("shop", "1", np.array([0.3, 1.0], np.float32))
    registry = CollectorRegistry()
    registry.register(histogram)
    return generate_latest(registry).decode()


@pytest.mark.parametrize(
    ("bound", "count"),
    [("0.0025", 2), ("0.1", 2), ("0.25", 3), ("0.5", 4), ("0.9", 4), ("1.0", 5), ("+Inf", 5)],
)
def test_a_bucket_counts_what_is_not_above_its_bound(text, bound, count):
    assert f'axon_prediction_score_bucket{{le="{bound}",model="shop",version="1"}} {count}.0' in text


def test_the_sum_is_of_all_probabilities(text):
    line = next(line for line in text.splitlines() if line.startswith("axon_prediction_score_sum"))
    assert float(line.split()[-1]) == pytest.approx(1.551)
