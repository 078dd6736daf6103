"""One neuron over one-hot columns and ids cannot express the default world."""

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit

from simulator import ShopFiles, measure

TRAINED = 400_000
CATEGORICAL = [
    "user_id",
    "item_id",
    "gender",
    "age_band",
    "city",
    "device",
    "category",
    "brand",
    "position",
    "hour",
]


@pytest.fixture(scope="module")
def neuron_probabilities(joined_log: pl.DataFrame):
    """What a logistic regression trained on the first four fifths says of the last, shape ``(100000,)``."""
    log = joined_log.with_columns(
        hour=pl.from_epoch("time_ms", "ms")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("Europe/Berlin")
        .dt.hour(),
    )
    inputs = hstack([one_hot(log[name]) for name in CATEGORICAL] + [history(log), numbers(log)], format="csr")
    clicked = log["clicked"].to_numpy()[:TRAINED].astype(float)
    return expit(inputs[TRAINED:] @ fit(inputs[:TRAINED], clicked))


def one_hot(column: pl.Series) -> csr_matrix:
    codes = column.cast(pl.String).fill_null("").rank("dense").to_numpy() - 1
    ones, lines = np.ones(len(codes)), np.arange(len(codes))
    return csr_matrix((ones, (lines, codes)), shape=(len(codes), int(codes.max()) + 1))


def history(log: pl.DataFrame) -> csr_matrix:
    categories = sorted(log["category"].unique())
    browsed = log["history"].fill_null("").str.split(",")
    return csr_matrix(
        np.stack([browsed.list.contains(name).to_numpy() for name in categories], axis=1).astype(float)
    )


def numbers(log: pl.DataFrame) -> csr_matrix:
    price = np.log(log["price"].to_numpy())
    age_days = np.log1p((log["time_ms"] - log["listed_ms"]).to_numpy() / 86_400_000)
    columns = [(values - values.mean()) / values.std() for values in (price, age_days)]
    return csr_matrix(np.stack([np.ones(len(price)), *columns], axis=1))


def fit(inputs: csr_matrix, clicked: np.ndarray) -> np.ndarray:
    """Weights with the least log loss under a small L2 penalty."""
    transposed = inputs.T.tocsr()

    def loss(weights):
        logits = inputs @ weights
        told = np.logaddexp(0.0, logits) - clicked * logits
        penalty = 5.0 / len(clicked)
        gradient = transposed @ (expit(logits) - clicked) / len(clicked) + penalty * weights
        return told.mean() + penalty * (weights @ weights) / 2, gradient

    weights: np.ndarray = minimize(
        loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 60}
    ).x
    return weights


@pytest.fixture(scope="module")
def later(default_shop: ShopFiles, neuron_probabilities, tmp_path_factory):
    """Figures of the truth and of the neuron on the same last fifth."""
    directory = tmp_path_factory.mktemp("later")
    files = ShopFiles(directory / "log.csv", default_shop.users, default_shop.items, directory / "truth.csv")
    pl.read_csv(default_shop.log)[TRAINED:].write_csv(files.log)
    pl.read_csv(default_shop.truth)[TRAINED:].write_csv(files.truth)
    truth = measure(files)
    pl.DataFrame({"probability": neuron_probabilities}).write_csv(files.truth)
    return truth, measure(files)


def test_a_single_neuron_stays_at_least_two_points_of_auc_below_the_truth(later):
    truth, neuron = later
    assert neuron.auc <= truth.auc - 0.02


def test_a_single_neuron_does_learn_the_main_effects(later):
    _, neuron = later
    assert neuron.auc >= 0.65


def test_a_single_neuron_beats_the_constant_probability(later):
    _, neuron = later
    assert neuron.log_loss < neuron.constant_log_loss
