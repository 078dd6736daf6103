"""CatBoost on encoded slices: an .npz file of `benchmarks.quality.peers` comes in, one with logits goes out.

Ids are categories, a multi-valued feature by its first token; values are numbers; the library's defaults and early stopping.

    python fit_catboost.py SLICES.npz LOGITS.npz SEED
"""

import sys

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, Pool

MOST_TREES = 1000
PATIENCE = 50
"""Trees without an improvement on the validation slice before stopping."""


def main() -> None:
    """Fit and say the logits of every held-out slice."""
    source, target, seed = sys.argv[1:]
    with np.load(source) as slices:
        model = CatBoostClassifier(
            iterations=MOST_TREES,
            early_stopping_rounds=PATIENCE,
            random_seed=int(seed),
            allow_writing_files=False,
            verbose=False,
        )
        model.fit(_pool(slices, "train"), eval_set=_pool(slices, "validation"))
        parts = [str(part) for part in slices["parts"]]
        logits = {part: model.predict(_pool(slices, part), prediction_type="RawFormulaVal") for part in parts}
    np.savez(target, **logits)


def _pool(slices: np.lib.npyio.NpzFile, part: str) -> Pool:
    ids = {
        f"id {name}": slices[f"{part} ids"][:, start]
        for name, start in zip(slices["id names"], slices["id starts"], strict=True)
    }
    values = slices[f"{part} values"]
    numbers = {f"value {place}": values[:, place] for place in range(values.shape[1])}
    return Pool(pd.DataFrame({**ids, **numbers}), slices[f"{part} clicked"], cat_features=list(ids))


if __name__ == "__main__":
    main()
