"""A pruned trial has no log loss: what it reported last, on the stopping impressions, is shown nowhere as one."""

import optuna
import polars as pl
import pytest
from optuna.storages.journal import JournalFileBackend

from tests.training.tune.worlds import run_tune, write_world
from training.config import load_config
from training.tune import write_winner
from training.tune.book import JOURNAL, Book, Question
from training.tune.pictures import progress_picture
from training.tune.space import Space

PRUNED = 2
LAST_REPORTED = 0.001
"""Lower than any log loss: taken for one, it would be the best."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def tuned(config):
    """A search of two trials whose third one was pruned, and which was taken up again."""
    run = run_tune(config, trials=PRUNED).run
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(run / JOURNAL)))
    (study,) = optuna.get_all_study_summaries(storage)
    book = Book(run, Question.model_validate_json(study.user_attrs["question"]))
    trial = book.begin([])
    Space(load_config(config), ("logistic",)).suggest(trial)
    trial.report(LAST_REPORTED, 0)
    book.close(trial, None)
    return run_tune(config, trials=PRUNED + 1)


def test_it_is_listed_last_without_a_log_loss_or_a_rank(tuned):
    last = tuned.result.trials[-1]
    assert (last.number, last.log_loss, last.rank) == (PRUNED, None, None)
    assert [trial.rank for trial in tuned.result.trials] == [1, 2, None]


def test_the_table_has_no_figure_for_it(tuned):
    last = pl.read_csv(tuned.run / "trials.csv").row(-1, named=True)
    assert (last["number"], last["log_loss"]) == (PRUNED, None)


def test_the_page_says_that_it_was_pruned(tuned):
    assert "<td>pruned</td>" in (tuned.run / "tune.html").read_text()


def test_the_picture_marks_it_and_leaves_it_out_of_the_best_so_far(tuned):
    picture = progress_picture(tuned.result)
    assert picture.summary.startswith("Log loss of 2 trials")
    assert [shape.title for shape in picture.shapes].count("pruned") == 1


def test_the_winner_s_file_does_not_count_it(tuned, config, tmp_path):
    write_winner(tuned.result, config, config.parent, tmp_path / "tuned.yaml")
    assert "of 3 (2 not pruned)" in (tmp_path / "tuned.yaml").read_text()
