"""A search as one self-contained page: a result comes in, HTML in the style of the report goes out.

`training.tune.tuning` writes it into the run's directory.
"""

from typing import Any

from training.report.html import template
from training.tune.pictures import progress_picture, scatter_pictures
from training.tune.result import TuneResult


def render_page(result: TuneResult, values: dict[str, dict[int, Any]]) -> str:
    """The page: what was found, how it came about, every trial.

    Args:
        result: The search.
        values: By key and number of a trial the value that it had.
    """
    return template("tune/page.html").render(
        result=result, progress=progress_picture(result), scatters=scatter_pictures(result, values)
    )
