"""Permutation importance: encoded impressions and a log loss come in, what each feature is worth to the model goes out.

`training.report.study` calls it on the held-out slice.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from features.spec import FeatureSpec
from training.encoding.store import Records
from training.progress import Progress
from training.report.insights import FeatureImportance, Importance
from training.univariate import BINS, auc_alone, bin_codes, enough_to_judge

MOST_IMPRESSIONS = 20_000
"""Impressions that are permuted, at most."""

MOST_PREDICTIONS = 500_000
"""Predictions of all permutations together, at most: many features share them, with fewer impressions each."""

REPEATS = 3
"""Permutations of each feature."""

LEARNED = 50_000
"""Impressions of the training slice, at most, of which the click rates of a feature's values are taken."""

EncodedColumns = tuple[tuple[int, ...], tuple[int, ...]]
"""Of the ids, and of the values."""


def columns_of_features(spec: FeatureSpec, layout: EncodedLayout) -> dict[str, EncodedColumns]:
    """The encoded columns of each feature; all that one history activity counts is one feature."""
    whole = {part.name: remembered.name for remembered in spec.history for part in remembered.features()}
    found: dict[str, tuple[list[int], list[int]]] = {}
    for field in layout.ids:
        name = whole.get(field.name, field.name)
        found.setdefault(name, ([], []))[0].extend(range(field.start, field.stop))
    for value in layout.values:
        # An indicator column is the number's own: "income:missing" goes with "income".
        name = value.name.partition(":")[0]
        found.setdefault(whole.get(name, name), ([], []))[1].append(value.column)
    return {name: (tuple(ids), tuple(values)) for name, (ids, values) in found.items()}


def impressions_to_permute(features: int, networks: int = 1) -> int:
    """How many impressions keep the work of all ``networks`` of an ensemble within `MOST_PREDICTIONS`."""
    return max(1, min(MOST_IMPRESSIONS, MOST_PREDICTIONS // (REPEATS * max(1, features) * networks)))


def auc_of_each(
    learned: Records, judged: Records, features: Mapping[str, EncodedColumns]
) -> dict[str, float | None]:
    """How well each feature alone orders the judged impressions, by the click rates of its values among the learned ones.

    Args:
        learned: Encoded impressions of the training slice, at least one.
        judged: Later ones.
        features: The columns of each feature; where there are several, the best of them counts.

    Returns:
        AUC in [0, 1], 0.5 for nothing; None where there are too few judged impressions of either outcome.
    """
    if not enough_to_judge(judged["clicked"]):
        return dict.fromkeys(features)
    both = np.concatenate([learned, judged])
    early = np.arange(len(both)) < len(learned)

    def best(columns: EncodedColumns) -> float | None:
        ids, values = columns
        codes = [both["ids"][:, place].astype(np.int64) for place in ids]
        codes += [bin_codes(both["values"][:, place].astype(np.float64), BINS) for place in values]
        aucs = [auc_alone(column, both["clicked"], early) for column in codes]
        return max((found for found in aucs if found is not None), default=None)

    return {name: best(columns) for name, columns in features.items()}


def permutation_importance(
    records: Records,
    features: Mapping[str, EncodedColumns],
    log_loss_of: Callable[[Records], float],
    *,
    alone: Mapping[str, float | None],
    seed: int,
    progress: Progress,
) -> Importance:
    """How much the log loss rises when a feature's columns are taken from other impressions.

    The columns of a feature move together, so that what stays is everything but the feature; features that say the
    same thing stand in for one another, and each then looks worth less than both are.

    Args:
        records: Encoded impressions, at least one.
        features: The columns of each feature.
        log_loss_of: The model's log loss on such impressions.
        alone: See `auc_of_each`.
        seed: Draws the permutations, the same for every feature.
        progress: Told about every feature.

    Source:
        Breiman, "Random Forests", Machine Learning 2001, section 10; without a model's retraining as in Fisher, Rudin
        and Dominici, "All Models are Wrong, but Many are Useful", JMLR 2019.
    """
    rng = np.random.default_rng([seed, 2])
    orders = [rng.permutation(len(records)) for _ in range(REPEATS)]
    base = log_loss_of(records)
    found = []
    with progress.stage("importance", unit="features", total=len(features)) as bar:
        for name, columns in features.items():
            increases = [log_loss_of(_permuted(records, columns, order)) - base for order in orders]
            found.append(
                FeatureImportance(
                    feature=name,
                    columns=sum(map(len, columns)),
                    increase=float(np.mean(increases)),
                    spread=float(np.std(increases, ddof=1)),
                    alone=alone[name],
                )
            )
            bar.advance()
    found.sort(key=lambda one: (-one.increase, one.feature))
    return Importance(impressions=len(records), repeats=REPEATS, log_loss=base, features=tuple(found))


def _permuted(records: Records, columns: EncodedColumns, order: NDArray[np.int64]) -> Records:
    """The impressions with the columns of others."""
    permuted = records.copy()
    for part, places in zip(("ids", "values"), columns, strict=True):
        for place in places:
            permuted[part][:, place] = records[part][order, place]
    return permuted
