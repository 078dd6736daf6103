"""Pictures of a search stay inside their frame and show the better trial lower."""

import re
from itertools import pairwise

from tests.training.tune.test_winner import make_result, make_trial
from training.report.pictures import BOTTOM, LEFT, RIGHT, TOP
from training.tune.pictures import progress_picture, scatter_pictures

LOSSES = [0.5, 0.45, 7.0, 0.4, 0.48]
RESULT = make_result(
    *(make_trial(number, loss) for number, loss in sorted(enumerate(LOSSES), key=lambda t: t[1]))
)


def dots(picture) -> dict[int, tuple[float, float]]:
    """Where each trial stands, by its number: dots are drawn from their left end."""
    found = {}
    for shape in picture.shapes:
        number, path = re.search(r"trial (\d+)", shape.title), re.match(r"M(\S+) (\S+)a(\S+) ", shape.path)
        if number and path:
            left, height, radius = map(float, path.groups())
            found[int(number[1])] = (left + radius, height)
    return found


def scatter(**values):
    """One picture of one key."""
    ((key, given),) = values.items()
    (picture,) = scatter_pictures(RESULT, {key: dict(enumerate(given))})
    return picture


def test_a_better_trial_stands_lower():
    heights = [height for _, height in dots(progress_picture(RESULT)).values()]
    assert len(heights) == len(LOSSES)
    assert dots(progress_picture(RESULT))[3][1] == max(heights)


def test_a_trial_that_is_far_worse_than_the_others_stands_on_the_upper_edge():
    assert dots(progress_picture(RESULT))[2][1] == TOP


def test_every_dot_is_inside_the_frame():
    for picture in (progress_picture(RESULT), scatter(rate=[0.0, 1e-4, 1e-3, 1e-2, 1e-1])):
        assert all(LEFT < x < RIGHT and TOP <= y <= BOTTOM for x, y in dots(picture).values())


def test_the_best_so_far_never_rises():
    line = progress_picture(RESULT).shapes[0].path
    heights = [float(found) for found in re.findall(r"[\d.]+ ([\d.]+)", line)]
    assert heights == sorted(heights)


def test_numbers_of_many_sizes_stand_on_a_logarithmic_axis():
    places = dots(scatter(rate=[1e-4, 1e-3, 1e-2, 1e-1, 1.0]))
    across = [places[number][0] for number in range(5)]
    steps = [right - left for left, right in pairwise(across)]
    assert max(steps) - min(steps) < 0.3


def test_zero_stands_left_of_a_logarithmic_axis():
    picture = scatter(decay=[0.0, 1e-3, 1e-2, 1e-1, 1.0])
    assert picture.x_ticks[0].text == "0"
    assert dots(picture)[0][0] < dots(picture)[1][0]


def test_names_have_a_place_each():
    picture = scatter(family=["mlp", "deepfm", "mlp", "wide_and_deep", "deepfm"])
    assert [tick.text for tick in picture.x_ticks] == ["deepfm", "mlp", "wide_and…"]


def test_a_value_that_never_changed_has_no_picture():
    assert scatter_pictures(RESULT, {"batch_size": dict.fromkeys(range(5), 512)}) == ()


def test_a_trial_whose_family_lacks_the_key_is_not_shown():
    (picture,) = scatter_pictures(RESULT, {"width": {0: 10, 1: 20}})
    assert set(dots(picture)) == {0, 1}


def test_pruned_trials_are_marked_without_a_height():
    pruned = make_trial(5, None)
    picture = progress_picture(make_result(*RESULT.trials, pruned))
    assert [shape.title for shape in picture.shapes].count("pruned") == 1
