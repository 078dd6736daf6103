"""A kept bundle against the champion of now: a bundle and a registry come in, a `Verdict` goes out to `axon publish`.

A run that keeps its bundle keeps beside it, with `keep_judges`, the impressions that judged it: typed, with their past
filled in, with the champion's columns. So the same policy can be asked again when the log has long moved on.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from registry.manifest import REPORT, TASK, Manifest, read_manifest, verify
from registry.registry import Registry
from registry.version import Version, judged_in
from training.config import TaskConfig, load_config
from training.errors import ConfigError, DataError
from training.export.loaded import LoadedModel
from training.gate.challenge import duel_of
from training.gate.champion import Champion, champion_version
from training.gate.duel import Duel
from training.gate.gate import budget_failures, champion_failures, gate_failures
from training.log.ingest import Ingested
from training.prepare import Prepared
from training.report.report import Report

JUDGES = "judges"
"""Directory of a run with the impressions that judged its bundle."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a bundle now.

    Attributes:
        champion: Number of the version that it was held against; None where there is none yet.
        reasons: Why it must not take its place; each names both figures.
        told: In a few words, for the trail of the aliases.
    """

    champion: int | None
    reasons: tuple[str, ...]
    told: str


def keep_judges(data: Prepared, directory: Path) -> None:
    """Write the held-out impressions beside a bundle that is kept.

    Args:
        data: Of the run.
        directory: Made; must not exist.
    """
    directory.mkdir()
    cuts = data.cuts
    data.log.copied(cuts.validation_from_ms if cuts.test_from_ms is None else cuts.test_from_ms, directory)


def judged_again(bundle: Path, registry: Registry) -> Verdict:
    """Hold a bundle against its task's gate, and against the champion of a registry.

    Args:
        bundle: Sealed; where a run kept it, the impressions that judged it lie beside it.
        registry: Whose champion.

    Raises:
        RegistryError: If the bundle or the champion is not what its manifest says.
    """
    manifest = verify(bundle)
    champion = champion_version(registry, manifest.name)
    number = None if champion is None else champion.number
    if champion is not None and _same(manifest, champion):
        return Verdict(number, (), f"the same as version {number}")
    try:
        report = Report.model_validate_json((bundle / REPORT).read_bytes())
        config = load_config(bundle / TASK)
        reasons = [*gate_failures(report, config.gate)]
        reasons += budget_failures(report.export, config.gate) if report.export else ()
        if champion is None:
            return Verdict(None, tuple(reasons), "the first champion")
        duel = _duel(bundle, report, config, champion)
    except (ValidationError, ConfigError, DataError, OSError) as error:
        return Verdict(number, (_unjudgeable(error, champion),), "not judged")
    if duel is None:
        return Verdict(number, tuple(reasons), f"version {number} cannot answer for the same impressions")
    reasons += champion_failures(duel, config.gate.champion)
    return Verdict(number, tuple(reasons), _told(duel))


def _same(manifest: Manifest, champion: Version) -> bool:
    return manifest.files == read_manifest(champion.directory).files


def _duel(bundle: Path, report: Report, config: TaskConfig, champion: Version) -> Duel | None:
    """Both on the impressions that judged the bundle, or what its report says where that is about this champion.

    None where the champion cannot answer for them and the policy lets it be.

    Raises:
        DataError: If nobody can tell.
    """
    judges = bundle.with_name(JUDGES)
    if not judges.is_dir():
        if report.duel is not None and report.duel.version == champion.number:
            return report.duel
        raise DataError(
            f"the impressions that judged it are not beside it ({judges}): only a run that keeps its bundle keeps them"
        )
    log = Ingested.from_copy(judges, dated=config.data.time is not None)
    try:
        rival = _rival(champion, config, log)
    except DataError:
        if config.gate.champion.incomparable == "baselines":
            return None
        raise
    return duel_of(config, rival, LoadedModel.open(judged_in(bundle)), log.chunks())


def _rival(champion: Version, config: TaskConfig, log: Ingested) -> Champion:
    """The champion, able to answer for kept impressions.

    Raises:
        DataError: If it is not.
    """
    rival = Champion.of(champion, config)
    kept = next(log.chunks()).raw.columns
    if lacking := [raw.column for raw in rival.spec.raw_inputs() if raw.column not in kept]:
        raise DataError(f"the champion reads {lacking}, which the kept impressions lack")
    return rival


def _unjudgeable(error: Exception, champion: Version | None) -> str:
    whom = "its task's gate" if champion is None else f"the champion, version {champion.number}"
    return f"it cannot be held against {whom}: {error}"


def _told(duel: Duel) -> str:
    champion, challenger = duel.champion.log_loss, duel.challenger.log_loss
    return f"log loss {challenger:.5f} against {champion:.5f} of version {duel.version}"
