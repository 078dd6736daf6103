"""How trials end: completed, pruned, refused or out of time, on a course whose losses are written down."""

from dataclasses import dataclass, field

import pytest
from optuna.trial import TrialState
from typing_extensions import override

from tests.training.tune.worlds import make_task
from training.config import TaskConfig
from training.errors import ConfigError, DivergedError
from training.fitting.descent import Watcher
from training.progress import Silent
from training.report.report import LearningPoint
from training.tune.book import Book, Question, claimed
from training.tune.confirm import SEED_STEP, confirm, confirm_seconds, winner
from training.tune.course import Course
from training.tune.limits import Limits
from training.tune.result import ranked
from training.tune.search import Search, search
from training.tune.space import Space

QUESTION = Question(task={}, families=("mlp",), sampler="random", seed=1, rows={}, data={})


@dataclass
class Scripted(Course):
    """Each trial in turn shows its checks and gives the last of them; an error is raised instead."""

    script: list[list[float] | Exception]
    seen: list[TaskConfig] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)

    @override
    def run(self, task: TaskConfig, watcher: Watcher) -> float:
        losses = self.script[len(self.seen)]
        self.seen.append(task)
        self.checks.append(0)
        if isinstance(losses, Exception):
            raise losses
        for loss in losses:
            self.checks[-1] += 1
            watcher(LearningPoint(epoch=1, step=1, train_loss=loss, validation_loss=loss, learning_rate=0.1))
        return losses[-1]


def walk(directory, script, limits=None) -> Search:
    """A search over a script to its end."""
    return walk_on(directory, Scripted(script), limits)


def walk_on(directory, course: Scripted, limits=None) -> Search:
    found = Search(
        Space(make_task(), ("mlp",)),
        course,
        Book(directory, QUESTION),
        limits or Limits(trials=len(course.script), budget_s=None),
    )
    search(found, reserve_s=lambda: 0.0, progress=Silent())
    return found


def test_a_hopeless_trial_is_pruned_at_its_second_check(tmp_path):
    good = [0.5, 0.4, 0.3]
    course = Scripted([good, good, good, good, [0.9, 0.9, 0.9]])
    found = walk_on(tmp_path, course)
    assert course.checks == [3, 3, 3, 3, 2]
    assert found.book.finished()[-1].state is TrialState.PRUNED


def test_the_task_file_as_it_stands_is_never_pruned(tmp_path):
    assert walk(tmp_path, [[0.9, 0.9, 0.9]]).book.finished()[0].value == 0.9


def test_a_trial_that_cannot_be_trained_is_told_and_has_no_rank(tmp_path):
    found = walk(tmp_path, [[0.5], DivergedError("expected a finite loss"), [0.4]])
    best, first, refused = ranked(found, 0)
    assert [best.rank, first.rank, refused.rank] == [1, 2, None]
    assert refused.refused == "expected a finite loss"


def test_a_task_file_that_cannot_be_trained_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such family"):
        walk(tmp_path, [ConfigError("no such family")])


def test_a_trial_is_dropped_when_the_time_is_up(tmp_path):
    found = walk(tmp_path, [[0.5], [0.4, 0.3]], Limits(trials=None, budget_s=0.0))
    assert [trial.value for trial in found.book.finished()] == [0.5]


def test_the_luckiest_seed_does_not_win(tmp_path):
    # As it stands 0.5 and 0.5; the second trial 0.3 but 0.8 with another seed; the third 0.4 and 0.4.
    found = walk(tmp_path, [[0.5], [0.3], [0.4], [0.5], [0.8], [0.4]], Limits(trials=3, budget_s=None))
    confirm(found, 2, progress=Silent())
    assert winner(found, 2).number == 2
    assert [trial.mean for trial in ranked(found, 2)] == pytest.approx([0.4, 0.5, 0.55])


def test_more_time_is_kept_for_the_second_seeds_than_the_first_ones_took(tmp_path):
    found = walk(tmp_path, [[0.5], [0.3]])
    took = sum(trial.duration.total_seconds() for trial in found.book.finished() if trial.duration)
    assert confirm_seconds(found, 1) > took > 0.0


def test_confirming_changes_the_seed_and_nothing_else(tmp_path):
    course = Scripted([[0.5], [0.3], [0.5], [0.3]])
    confirm(walk_on(tmp_path, course, Limits(trials=2, budget_s=None)), 1, progress=Silent())
    tasks = course.seen
    assert tasks[2] == tasks[0].with_seed(5 + SEED_STEP)
    assert tasks[3] == tasks[1].with_seed(5 + SEED_STEP)


@pytest.mark.parametrize(("again", "expected"), [(0.2, 1), (0.05, 0)])
def test_where_the_task_file_alone_has_a_second_seed_the_lowest_figure_wins(tmp_path, again, expected):
    found = walk(tmp_path, [[0.5], [0.3]], Limits(trials=2, budget_s=None))
    found.book.confirm(0, again)
    assert winner(found, 1).number == expected
    # So the winner is never told with a worse figure than the task file.
    means = {trial.number: trial.mean or 1.0 for trial in ranked(found, 1)}
    assert means[expected] == min(means.values())


def test_those_that_have_a_second_seed_decide_where_the_time_was_up_before_all_had_one(tmp_path):
    found = walk(tmp_path, [[0.5], [0.3], [0.4]])
    found.book.confirm(0, 0.5)
    found.book.confirm(1, 0.8)
    assert winner(found, 2).number == 0


def test_a_network_that_diverges_with_another_seed_does_not_win(tmp_path):
    script = [[0.5], [0.3], [0.5], DivergedError("expected a finite loss")]
    found = walk(tmp_path, script, Limits(trials=2, budget_s=None))
    confirm(found, 1, progress=Silent())
    assert winner(found, 1).number == 0


def test_a_line_that_a_killed_process_could_not_finish_is_cut_off(tmp_path):
    walk(tmp_path, [[0.5], [0.4]])
    with (tmp_path / "study.journal").open("a") as journal:
        journal.write('{"op_code": 6, "tri')
    assert [trial.value for trial in Book(tmp_path, QUESTION).finished()] == [0.5, 0.4]
    assert walk(tmp_path, [[0.3]], Limits(trials=3, budget_s=None)).book.finished()[-1].value == 0.3


def test_two_searches_do_not_share_a_directory(tmp_path):
    with claimed(tmp_path), pytest.raises(ConfigError, match="one that is running"), claimed(tmp_path):
        pass


def test_a_finished_search_leaves_its_directory_to_the_next(tmp_path):
    with claimed(tmp_path):
        pass
    with claimed(tmp_path):
        assert (tmp_path / "lock").exists()


@pytest.mark.parametrize("sampler", ["tpe", "random", "annealing"])
def test_a_new_sampler_for_every_trial_repeats_no_proposal(tmp_path, sampler):
    book = Book(tmp_path, QUESTION.model_copy(update={"sampler": sampler}))
    proposed = []
    for number in range(6):
        trial = book.begin([])
        proposed.append(trial.suggest_float("rate", 0.0, 1.0))
        book.close(trial, float(number))
    assert len(set(proposed)) == 6
