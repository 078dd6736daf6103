"""The export against its budgets and against the champion: a run's report comes in, the same with a verdict goes out.

`training.pipeline` calls it between the parity check and the seal; the models are asked as they were exported.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.version import judged_in
from training.config import TaskConfig
from training.export.exported import export_facts
from training.export.loaded import LoadedModel
from training.gate.bootstrap import Resampling
from training.gate.champion import Champion
from training.gate.duel import Duel, HeldOut, fight
from training.gate.gate import budget_failures, champion_failures
from training.judge import texts_of, users_of
from training.log.ingest import TypedChunk
from training.log.split import moment
from training.prepare import Prepared
from training.report.report import Report
from training.targets import PROBABILITY


def challenged(
    report: Report,
    config: TaskConfig,
    bundle: Path,
    champion: Champion | str | None,
    data: Prepared,
) -> Report:
    """The report with what the export costs, how it stands against the champion and every reason against it.

    Args:
        report: Of the challenger.
        config: The task.
        bundle: The challenger's export.
        champion: Who it stands against, or why nobody does.
        data: Where the held-out slice is.
    """
    challenger = LoadedModel.open(bundle)
    facts = export_facts(bundle, challenger, data.slices.held_out_sample)
    reasons = [*report.gate_reasons, *budget_failures(facts, config.gate)]
    changes: dict[str, object] = {"export": facts}
    if isinstance(champion, str):
        changes["notes"] = (*report.notes, champion)
    elif champion is not None:
        # What is exported may have learned from these impressions.
        judged = challenger if judged_in(bundle) == bundle else LoadedModel.open(judged_in(bundle))
        duel = duel_of(config, champion, judged, _held_out(data))
        reasons += champion_failures(duel, config.gate.champion)
        changes |= {
            "duel": duel,
            "baselines": {**report.baselines, f"champion {duel.version}": duel.champion},
        }
    return report.model_copy(update={**changes, "gate_reasons": tuple(reasons)})


def _held_out(data: Prepared) -> Iterator[TypedChunk]:
    """The impressions that judge, in the order of the log."""
    for chunk in data.log.chunks():
        inside = data.cuts.slices(chunk.time_ms) == data.cuts.held_out
        if inside.any():
            yield chunk.rows(inside)


def duel_of(
    config: TaskConfig, champion: Champion, challenger: LoadedModel, held_out: Iterable[TypedChunk]
) -> Duel:
    """Ask both about the same impressions.

    Args:
        config: The challenger's task.
        champion: Who is there now.
        challenger: Who wants to be.
        held_out: The impressions, with the columns of both; at least one.
    """
    clicked, kept, first_ms = [], [], []
    answers: list[tuple[NDArray[np.float64], ...]] = []
    models = ((champion.opened(), champion.output), (challenger, PROBABILITY))
    for chunk in held_out:
        answers.append(tuple(model.answers(chunk.raw)[output].astype(np.float64) for model, output in models))
        clicked.append(chunk.clicked)
        # Codes instead of texts: all of them are in memory at once.
        kept.append(chunk.kept.cast(pl.Categorical))
        first_ms.append(int(chunk.time_ms.min()))
    of_champion, of_challenger = (np.concatenate(of_one) for of_one in zip(*answers, strict=True))
    columns = pl.concat(kept)
    slice_ = HeldOut(
        clicked=np.concatenate(clicked),
        champion=of_champion,
        challenger=of_challenger,
        users=users_of(config, columns),
        segments={column: texts_of(columns[column]) for column in config.report.segments},
    )
    policy = config.gate.champion
    how = Resampling(policy.resamples, policy.confidence, config.training.seed)
    duel = fight(champion.version.number, slice_, how, max_values=config.report.max_values)
    return duel.model_copy(update={"champion_has_seen": _has_seen(config, champion, min(first_ms))})


def _has_seen(config: TaskConfig, champion: Champion, first_ms: int) -> bool:
    """Whether the champion was trained on a part of the slice."""
    first = moment(first_ms) if config.data.time is not None else None
    return first is not None and champion.learned_until is not None and champion.learned_until >= first
