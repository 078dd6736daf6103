"""Every point of the space is a task, and the task file as it stands is a point of it."""

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

from tests.training.conftest import EVERY_HALF
from tests.training.tune.worlds import make_task
from training.config import TaskConfig
from training.models import FAMILIES, Regularisation, build
from training.tune.space import (
    EMBEDDING_FAMILIES,
    EVERY_FAMILY,
    Choice,
    Real,
    Space,
    Whole,
    hidden_layers,
    point_of,
    task_at,
)


def make_space(task: TaskConfig | None = None) -> Space:
    return Space(task or make_task(), tuple(FAMILIES))


def first_task(**changes) -> TaskConfig:
    """What the space makes of the coordinates of a task."""
    space = make_space(make_task(**changes))
    return space.suggest(FixedTrial(space.starts()[0]))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing is regularised"),
        pytest.param({"model": {"hidden": [128, 64]}}, id="layers that halve"),
        pytest.param({"model": {"hidden": [400, 400, 400]}}, id="layers of one width"),
        pytest.param({"model": {"activation": "sigmoid"}}, id="an activation that is not searched"),
        pytest.param({"training": {"optimizer": {"learning_rate": 0.3}}}, id="a rate beyond the range"),
        pytest.param({"training": {"ema": 0.5, "l2_rare": 2e-5}}, id="an average, a prior on rare ids"),
        pytest.param({"training": {"embedding_optimizer": {"name": "adagrad"}}}, id="two optimisers"),
        pytest.param({"model": {"family": "logistic"}}, id="the smallest family"),
    ],
)
def test_a_search_begins_with_the_task_as_it_stands(changes):
    assert first_task(**changes) == make_task(**changes)


def test_then_every_other_family_is_tried_with_the_same_settings():
    tasks = [make_space().suggest(FixedTrial(start)) for start in make_space().starts()]
    assert [task.model.family for task in tasks] == ["mlp", *(name for name in FAMILIES if name != "mlp")]
    assert {task.training for task in tasks} == {make_task().training}


def test_only_the_families_that_were_asked_for_stand_beside_the_own_one():
    space = Space(make_task(), ("deepfm",))
    assert [start["family"] for start in space.starts()] == ["mlp", "deepfm"]


def test_logistic_has_no_hidden_layers_to_search():
    starts = {start["family"]: set(start) for start in make_space().starts()}
    assert starts["logistic"] == {"family", *EVERY_FAMILY}


def test_what_is_not_searched_stays():
    task = make_task(training={"epochs": 7, "optimizer": {"name": "adamw", "clip_norm": 2.0}})
    moved = task_at(task, {**point_of(task), "weight_decay": 0.5})
    assert moved.training.epochs == 7
    assert moved.training.optimizer.clip_norm == 2.0


def test_embeddings_get_an_optimizer_like_the_dense_one_with_its_own_rate():
    task = make_task(training={"optimizer": {"name": "adamw", "learning_rate": 0.01}})
    moved = task_at(task, {**point_of(task), "embedding_learning_rate": 0.002})
    assert moved.training.embedding_optimizer is not None
    assert moved.training.embedding_optimizer.name == "adamw"
    assert moved.training.embedding_optimizer.learning_rate == 0.002
    assert moved.training.optimizer.learning_rate == 0.01


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(0.0005, 0.0, id="the decade below the range is off"),
        pytest.param(0.0012345, 0.00123, id="three digits"),
        pytest.param(10.0, 10.0, id="the upper end"),
    ],
)
def test_a_number_that_may_be_off(given, expected):
    knob = Real(1e-3, 10.0, log=True, off=True)
    assert knob.suggest(FixedTrial({"decay": given}), "decay") == expected


def test_a_knob_is_widened_to_hold_what_the_task_file_says():
    assert Real(0.1, 0.5).holding(0.7) == Real(0.1, 0.7)
    assert Whole(4, 64).holding(2) == Whole(2, 64)
    assert Choice(("relu",)).holding("tanh") == Choice(("relu", "tanh"))


@pytest.mark.parametrize(
    ("depth", "halving", "expected"),
    [(1, True, (40,)), (3, True, (40, 20, 10)), (3, False, (40, 40, 40))],
)
def test_hidden_layers(depth, halving, expected):
    assert hidden_layers({"width": 40, "depth": depth, "halving": halving}) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(16, 16), (23, 16), (25, 32), (137, 144), (512, 512), (30, 30)]
)
def test_a_width_is_a_multiple_of_16_or_what_the_task_file_says(given, expected):
    width = EMBEDDING_FAMILIES["width"].holding(30)
    assert width.suggest(FixedTrial({"width": given}), "width") == expected


@pytest.mark.parametrize(("width", "multiple", "expected"), [(40, 4, (40, 20, 12)), (48, 4, (48, 24, 12))])
def test_the_last_hidden_layer_is_widened_to_a_multiple(width, multiple, expected):
    point = {"width": width, "depth": 3, "halving": True}
    assert hidden_layers(point, last_multiple_of=multiple) == expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "model",
    [
        pytest.param({}, id="a small task"),
        pytest.param({"hidden": [30, 15], "heads": 1}, id="widths that no head divides"),
        pytest.param({"hidden": [200, 100, 50, 25, 12], "heads": 6}, id="deep, with six heads"),
    ],
)
def test_every_point_builds(family, model):
    space = Space(make_task(model={"family": family, **model}), (family,))
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    drawn = [space.suggest(study.ask()) for _ in range(10)]
    for task in [*(space.suggest(FixedTrial(start)) for start in space.starts()), *drawn]:
        assert task.model.family == family
        build(EVERY_HALF, task.model, Regularisation())


def test_the_prior_on_rare_ids_is_searched_where_it_does_something():
    # docs/benchmarks/quality.md: 1 to 100 were tried.
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    drawn = {float(EVERY_FAMILY["l2_rare"].suggest(study.ask(), "l2_rare") or 0.0) for _ in range(200)}
    assert min(drawn) == 0.0
    assert min(drawn - {0.0}) >= 0.03
    assert 50 < max(drawn) <= 100
