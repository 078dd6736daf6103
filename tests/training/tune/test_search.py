"""Searches around a tiny task: what they find, and that they find it again."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import optuna
import polars as pl
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tests.training.tune.worlds import run_tune, story, write_extending, write_world
from training.errors import ConfigError
from training.models import FAMILIES

TRIALS, CONFIRMED = 4, 1


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def tuned(config):
    return run_tune(config, trials=TRIALS, confirm=CONFIRMED)


def test_the_first_trial_is_the_task_file_as_it_stands(tuned):
    assert tuned.result.first == 0
    assert tuned.result.baseline.changes == {}


def test_the_winner_is_no_worse_than_the_task_file(tuned):
    assert tuned.result.winner.mean <= tuned.result.baseline.mean


def test_the_best_and_the_task_file_are_confirmed_with_another_seed(tuned):
    best = min(
        (t for t in tuned.result.trials if t.number and t.log_loss is not None), key=lambda t: t.log_loss
    )
    confirmed = {trial.number for trial in tuned.result.trials if trial.confirmed is not None}
    assert confirmed == {0, best.number}
    assert best.confirmed != best.log_loss


def test_every_trial_is_in_the_table(tuned):
    table = pl.read_csv(tuned.run / "trials.csv")
    assert table["number"].to_list() == [trial.number for trial in tuned.result.trials]
    assert len(table) == TRIALS


def test_a_search_leaves_its_study_its_table_and_its_page_and_no_work_files(tuned):
    kept = {path.name for path in tuned.run.iterdir()}
    assert kept == {"study.journal", "trials.csv", "tune.html", "lock"}


def test_the_page_names_every_trial_and_asks_no_other_place(tuned):
    page = (tuned.run / "tune.html").read_text()
    assert page.count('<th scope="row">') == TRIALS
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_one_seed_gives_one_study_whatever_the_test_slice_says(tuned, tmp_path):
    # Another log whose test labels are permuted: nothing of a search may depend on them.
    again = run_tune(write_world(tmp_path, test_labels_from=2), trials=TRIALS, confirm=CONFIRMED)
    assert story(again) == story(tuned)
    assert again.result.winner == tuned.result.winner.model_copy(
        update={"seconds": again.result.winner.seconds}
    )


def test_a_search_that_has_enough_trials_runs_none(tuned, config):
    assert story(run_tune(config, trials=TRIALS - 1, confirm=CONFIRMED)) == story(tuned)


@pytest.mark.parametrize("other", [{"sampler": "annealing"}, {"families": ("logistic", "deepfm")}])
def test_another_question_does_not_go_on_in_the_same_study(tuned, config, other):
    with pytest.raises(ConfigError, match=rf"same {next(iter(other))} as before.*--restart"):
        run_tune(config, trials=TRIALS, **other)


def test_a_study_does_not_go_on_with_another_log_of_as_many_rows(tmp_path):
    run_tune(write_world(tmp_path), trials=1)
    with pytest.raises(ConfigError, match=r"same data as before, got another: --restart"):
        run_tune(write_world(tmp_path, seed=2), trials=1)


def test_a_study_of_an_older_version_which_did_not_note_its_data_is_refused(tmp_path):
    config = write_world(tmp_path)
    journal = run_tune(config, trials=1).run / "study.journal"
    journal.write_text(re.sub(r',\\"data\\":\{\\"train.*?\}', "", journal.read_text()))
    with pytest.raises(ConfigError, match=r"same data as before, got .* older version .*: --restart"):
        run_tune(config, trials=1)


def test_the_budget_ends_a_search_but_not_before_its_first_trial(tmp_path):
    tuned = run_tune(write_world(tmp_path), trials=None, budget_s=0.01)
    assert [trial.number for trial in tuned.result.trials] == [0]


def test_a_family_that_cannot_use_the_activation_is_a_trial_that_was_not_trained(tmp_path):
    config = write_world(tmp_path)
    config.write_text(config.read_text().replace("family: mlp", "family: mlp\n  activation: glu"))
    tuned = run_tune(config, trials=2, families=("final_mlp",))
    last = tuned.result.trials[-1]
    assert (last.family, last.log_loss) == ("final_mlp", None)
    assert "keeps the width of its layer for final_mlp, got 'glu'" in str(last.refused)
    assert "<td>not trained</td>" in (tuned.run / "tune.html").read_text()


class Interrupting:
    """Progress during which somebody presses ctrl-C as soon as so many trials are done."""

    def __init__(self, after: int) -> None:
        self.after, self.done = after, 0

    @contextmanager
    def stage(self, name, *, unit, total=None):
        yield self if unit == "trials" else Interrupting(10**9)

    def advance(self, amount=1, *, note=""):
        self.done += amount
        if self.done == self.after and not amount:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    config = write_world(tmp_path_factory.mktemp("interrupted"))
    return config, run_tune(config, trials=TRIALS, confirm=CONFIRMED, progress=Interrupting(after=2))


def test_an_interrupted_search_ends_with_what_was_found(interrupted):
    _, found = interrupted
    assert [trial.number for trial in found.result.trials if trial.log_loss is not None] != []
    assert len(found.result.trials) == 2
    assert not found.result.complete


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(interrupted, tuned):
    config, _ = interrupted
    resumed = run_tune(config, trials=TRIALS, confirm=CONFIRMED)
    assert story(resumed) == story(tuned)
    assert resumed.result.complete


def test_before_the_first_trial_an_interrupt_is_passed_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_tune(write_world(tmp_path), progress=Interrupting(after=0))


def test_an_unknown_family_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"logistic, mlp.*got transformer"):
        run_tune(write_world(tmp_path), families=("transformer",))


def test_families_that_cannot_share_as_the_task_file_says_are_not_tried(tmp_path):
    targets = [{"name": "again", "label": "clicked"}]
    config = write_extending(write_world(tmp_path), model={"sharing": "mmoe"}, targets=targets)
    tried = run_tune(config, trials=1, families=()).result.families
    assert set(FAMILIES) - set(tried) == {"logistic", "final_mlp"}
    with pytest.raises(ConfigError, match=r"--families: .*mmoe, got final_mlp"):
        run_tune(config, families=("deepfm", "final_mlp"))


def test_a_task_file_with_an_unknown_family_is_refused_before_anything_is_read(tmp_path):
    config = write_world(tmp_path)
    config.write_text(config.read_text().replace("family: mlp", "family: mpl"))
    with pytest.raises(ConfigError, match=r"model.family: .* got 'mpl'"):
        run_tune(config)
    assert not (tmp_path / "runs").exists()


def test_a_restart_forgets_the_trials_of_before(tmp_path):
    config = write_world(tmp_path)
    run_tune(config, trials=1, sampler="tpe")
    assert run_tune(config, trials=1, sampler="random", restart=True).result.sampler == "random"


EAGER_AXON = (
    "import tensorflow as tf; tf.config.run_functions_eagerly(True); from axon.main import main; main()"
)


def test_a_killed_search_loses_the_trial_that_was_running_and_no_other(tuned, tmp_path):
    config = write_world(tmp_path)
    options = ["--trials", "50", "--families", "logistic", "--sampler", "random"]
    process = subprocess.Popen(
        [sys.executable, "-c", EAGER_AXON, "tune", config, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stderr=subprocess.DEVNULL,
    )
    try:
        survived = finished_trials(tmp_path / "runs" / "tune-tiny" / "study.journal", at_least=2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    resumed = story(run_tune(config, trials=TRIALS))
    assert [log_loss for _, _, log_loss, _ in resumed][: len(survived)] == survived
    unbroken = [changes for _, changes, _, _ in story(tuned)]
    assert [changes for _, changes, _, _ in resumed][:TRIALS] == unbroken


def test_a_search_that_was_killed_before_its_next_trial_began_goes_on(tuned, tmp_path):
    config = write_world(tmp_path)
    journal = run_tune(config, trials=2).run / "study.journal"
    written = journal.read_text()
    waits = written.rindex(f'"state":{TrialState.WAITING.value}')
    journal.write_text(written[: written.index("\n", waits) + 1])
    assert story(run_tune(config, trials=2)) == story(tuned)[:2]


def finished_trials(journal, at_least):
    """The log losses that a running search has written, once there are enough; none of them was pruned."""
    for _ in range(600):
        if journal.exists():
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
            for study in optuna.get_all_study_summaries(storage):
                found = optuna.load_study(study_name=study.study_name, storage=storage)
                values = [trial.value for trial in found.get_trials(states=(TrialState.COMPLETE,))]
                if len(values) >= at_least:
                    return values
        time.sleep(0.1)
    raise AssertionError("the search wrote no trials within a minute")
