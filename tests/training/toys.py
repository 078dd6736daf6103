"""A toy log that a small network learns, and looks at fitted networks; tests of fitting share them."""

from contextlib import contextmanager

import numpy as np

from features.spec import Half
from tests.training.conftest import draw_inputs, make_layout, write_store
from training.calibration import undo_downsampling
from training.metrics import log_loss

TOY = make_layout([("city", Half.USER, 6), ("brand", Half.ITEM, 6)], [("price", Half.ITEM)])


def toy_log(path, rows, seed):
    """Impressions that are clicked wherever the city has an even id."""
    ids, values = draw_inputs(TOY, rows, seed)
    ids = np.maximum(ids, 2)
    return write_store(path, TOY, ids[:, 0] % 2 == 0, ids=ids, values=values)


def noise_log(path, rows, seed):
    """Impressions whose clicks are chance: there is nothing to learn, and much to learn by heart."""
    ids, values = draw_inputs(TOY, rows, seed)
    clicked = np.random.default_rng(seed + 100).random(rows) < 0.5
    return write_store(path, TOY, clicked, ids=ids, values=values)


@contextmanager
def unbalanced(model):
    """While it is open the network is what descent made of it, without the shift that balances it."""
    shift = model.network.shift.numpy()
    model.network.shift.assign(np.zeros_like(shift))
    yield
    model.network.shift.assign(shift)


def validation_loss(model, store, keep_rate=1.0):
    """The log loss that the network had when it was validated."""
    with unbalanced(model):
        logits = undo_downsampling(model.predictor.logits(store).astype(np.float64), keep_rate)
    return log_loss(store.read(0, store.rows)["clicked"], 1 / (1 + np.exp(-logits)))


def same_weights(left, right):
    return all(map(np.array_equal, left.network.get_weights(), right.network.get_weights()))
