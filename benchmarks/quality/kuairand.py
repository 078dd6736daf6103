"""KuaiRand, with what is known when a model is trained and with live history: example files in, tables of everybody out.

Two cuts: the example's own, judged on the validation days that stopped and calibrated everybody, and an inner one,
judged on days that chose nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.quality.contest import ahead, contest
from benchmarks.quality.contestants import LIGHTGBM, LOGISTIC, OURS, PRIOR, Contestant
from benchmarks.quality.encoded import EncodedLog, encode_log
from benchmarks.quality.tables import Row, Table
from benchmarks.quality.tuned_trees import LIGHTGBM_TUNED
from training.config import SplitConfig, TaskConfig, data_root, load_config

EXAMPLES = Path("examples/kuairand")
ENSEMBLE = "ours, ensemble"
INPUTS = {"axon": "what is known when the model is trained", "history": "live history"}
"""Example file -> what its inputs know of the past."""

GAUC = (
    "GAUC compares impressions of one user at different moments: a user's own live counters rise with each click, so "
    "they rank what came later above what was clicked, in every model, and it falls where AUC rises."
)


@dataclass(frozen=True)
class Cut:
    """Which days train, choose and judge.

    Attributes:
        until: Later impressions are not even read; None reads all.
    """

    title: str
    split: SplitConfig
    until: datetime | None = None


def _day(day: int) -> datetime:
    return datetime.fromisoformat(f"2022-05-{day:02d}T00:00:00+08:00")


INNER = Cut(
    "trained before 05-02, chosen on 05-02, judged on 05-03 and 05-04",
    SplitConfig(validation_from=_day(2), test_from=_day(3)),
    until=_day(5),
)
OUTER = Cut(
    "trained to 05-04, chosen and judged on 05-05 and 05-06",
    SplitConfig(validation_from=_day(5), test_from=None),
)


def tables(
    work: Path, seeds: Sequence[int], peers: Sequence[Contestant], *, root: Path | None, quick: bool
) -> Iterator[Table]:
    """The tables of both inputs on both cuts.

    Args:
        work: A new directory.
        seeds: Of the fits; an ensemble takes the seeds that follow each.
        peers: Beside LightGBM.
        root: Directory of the data; None for the examples' own.
        quick: The inner cut, ours and LightGBM alone.
    """
    for cut in (INNER,) if quick else (INNER, OUTER):
        for name, inputs in INPUTS.items():
            log = encoded(example_task(name, cut), cut, work / f"{name} {cut.split.validation_from:%d}", root)
            rows = contest(log, _contestants(name, peers, quick=quick), seeds)
            if name == "history" and not quick:
                rows += _ensemble(log, cut, seeds)
            title = f"KuaiRand, {inputs} ({name}.yaml): {cut.title}"
            note = f"{ahead(rows)} {GAUC if name == 'history' else ''}".strip()
            yield Table(title=title, rows=tuple(rows), note=note)


def _contestants(name: str, peers: Sequence[Contestant], *, quick: bool) -> list[Contestant]:
    """With live history the other networks are left out: what is asked there is whether trees make more of it."""
    if quick:
        return [OURS, LIGHTGBM, LIGHTGBM_TUNED]
    trees = [peer for peer in peers if not peer.is_network]
    return [PRIOR, LOGISTIC, LIGHTGBM, LIGHTGBM_TUNED, *(trees if name == "history" else peers), OURS]


def _ensemble(log: EncodedLog, cut: Cut, seeds: Sequence[int]) -> list[Row]:
    """The ensemble's own example, which has the inputs of the one with history."""
    task = example_task("ensemble", cut)
    if task.features != log.task.features:
        raise ValueError("expected examples/kuairand/ensemble.yaml to have the features of history.yaml")
    return contest(log.for_task(task), [Contestant(ENSEMBLE, OURS.logits)], seeds)


def encoded(task: TaskConfig, cut: Cut, work: Path, root: Path | None) -> EncodedLog:
    """The log of an example, encoded as its task says.

    Args:
        task: One of `example_task`.
        cut: The same.
        work: A new directory.
        root: Directory of the data; None for the examples' own.
    """
    return encode_log(task, data_root(task, EXAMPLES / "axon.yaml", root), work, until=cut.until)


def example_task(name: str, cut: Cut) -> TaskConfig:
    """The task file ``examples/kuairand/NAME.yaml`` with the days of a cut."""
    return load_config(EXAMPLES / f"{name}.yaml").model_copy(update={"split": cut.split})
