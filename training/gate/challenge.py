"""The export against its budgets and against the champion: a run's report comes in, the same with a verdict goes out.

`training.pipeline` calls it between the parity check and the seal; the models are asked as they were exported.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.config import TaskConfig
from training.evaluate import texts_of, users_of
from training.export.exported import export_facts
from training.export.loaded import LoadedModel
from training.gate.champion import Champion, answers_in_chunks
from training.gate.duel import Duel, HeldOut, Resampling, fight
from training.gate.gate import budget_failures, champion_failures
from training.prepare import Prepared
from training.report.report import Report


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
        duel = _duel(config, champion, challenger, data)
        reasons += champion_failures(duel, config.gate.champion)
        changes |= {
            "duel": duel,
            "baselines": {**report.baselines, f"champion {duel.version}": duel.champion},
        }
    return report.model_copy(update={**changes, "gate_reasons": tuple(reasons)})


def _duel(  # each is one thing that a duel needs
    config: TaskConfig,
    champion: Champion,
    challenger: LoadedModel,
    data: Prepared,
) -> Duel:
    facts = data.slices.facts[data.cuts.held_out]
    of_champion, of_challenger = _answers((champion.opened(), challenger), data)
    held_out = HeldOut(
        clicked=facts.clicked,
        champion=of_champion,
        challenger=of_challenger,
        users=users_of(config, facts.kept),
        segments={column: texts_of(facts.kept[column]) for column in config.report.segments},
    )
    policy = config.gate.champion
    how = Resampling(policy.resamples, policy.confidence, config.training.seed)
    duel = fight(champion.version.number, held_out, how, max_values=config.report.max_values)
    has_seen = (
        facts.first is not None
        and champion.learned_until is not None
        and champion.learned_until >= facts.first
    )
    return duel.model_copy(update={"champion_has_seen": has_seen})


def _answers(models: tuple[LoadedModel, ...], data: Prepared) -> tuple[NDArray[np.float64], ...]:
    """What each model says of the held-out impressions, in the order of the slice, each ``(n,)``."""
    parts: list[tuple[NDArray[np.float64], ...]] = []
    for chunk in data.log.chunks():
        inside = data.cuts.slices(chunk.time_ms) == data.cuts.held_out
        if inside.any():
            parts.append(answers_in_chunks(models, chunk.raw.filter(inside)))
    return tuple(np.concatenate(answers) for answers in zip(*parts, strict=True))
