"""The published version that a challenger has to stand against: a registry and a task come in, a `Champion` that answers goes out.

`training.pipeline` asks for it before the log is read, and gives it to `training.gate.challenge`.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from features.spec import FeatureSpec, RawInput
from registry.errors import NothingPublishedError, RegistryError, UnknownVersionError
from registry.manifest import verify
from registry.reference import ModelRef
from registry.registry import Registry
from registry.version import Version
from training.config import TaskConfig
from training.errors import DataError, GateClosedError
from training.export.loaded import LoadedModel
from training.export.stored_task import output_for
from training.log.log_plan import Wanted, plan_log


@dataclass(frozen=True)
class Champion:
    """A version that can answer for the log of a run.

    Attributes:
        version: Which one; its directory is that of the network that was judged.
        spec: What it reads.
        extra_inputs: Columns that it reads and the task does not.
        output: Which of its answers is that of the task's first target.
        learned_until: Time of the last impression that it was trained on; None where nobody knows.
    """

    version: Version
    spec: FeatureSpec
    extra_inputs: tuple[RawInput, ...]
    output: str
    learned_until: datetime | None

    @classmethod
    def of(cls, version: Version, config: TaskConfig) -> Self:
        """A version as the champion of a task, whether or not the log has what it reads.

        Raises:
            RegistryError: If its files are not those that its manifest names.
            DataError: If it reads or answers something else than the task.
        """
        verify(version.directory)
        judged = version.judged()
        spec = judged.fitted_spec().spec
        extra, output = _beyond(spec, config), output_for(judged, config)
        return cls(judged, spec, extra, output, judged.manifest().last_impression_at)

    def opened(self) -> LoadedModel:
        """Its export, loaded."""
        return LoadedModel.open(self.version.directory)


def champion_version(registry: Registry | None, name: str) -> Version | None:
    """The champion of a model; None before the first publication."""
    if registry is None:
        return None
    try:
        return registry.fetch(registry.resolve(ModelRef(name=name)))
    except (NothingPublishedError, UnknownVersionError):
        return None


def champion_of(version: Version | None, config: TaskConfig, root: Path) -> Champion | str | None:
    """The champion, ready to answer; a sentence where it cannot and the policy lets it be; None where there is none.

    Raises:
        GateClosedError: If it cannot answer for this log and ``gate.champion.incomparable`` says refuse.
    """
    if version is None:
        return None
    try:
        champion = Champion.of(version, config)
        if extra := champion.extra_inputs:
            plan_log(config.data, Wanted(extra, keep=(), labelled=False, originals=False), root, None)
    except (RegistryError, ValidationError, OSError, DataError) as error:
        reason = f"the champion {version} cannot answer for this log: {error}"
        if config.gate.champion.incomparable == "baselines":
            return (
                f"{reason}. It was left out, as gate.champion.incomparable says: the baselines judged alone."
            )
        raise GateClosedError(
            [
                reason,
                "give the log what it needs, or set gate.champion.incomparable: baselines to let the baselines judge alone",
            ]
        ) from error
    return champion


def _beyond(spec: FeatureSpec, config: TaskConfig) -> tuple[RawInput, ...]:
    """The columns that a version reads and the task does not, whatever the log has.

    Raises:
        DataError: If both read a column and each as something else, or count the past in other ways.
    """
    ours = {raw.column: raw for raw in (*config.features.log_inputs(), *config.features.raw_inputs())}
    for raw in (*spec.log_inputs(), *spec.raw_inputs()):
        if (known := ours.get(raw.column, raw)).model_dump(exclude={"side"}) != raw.model_dump(
            exclude={"side"}
        ):
            raise DataError(
                f"it reads column {raw.column!r} as {raw.kind}, the task file as {known.kind} or in another form"
            )
    counted = {feature.name: feature for feature in config.features.history}
    if lost := [feature.name for feature in spec.history if counted.get(feature.name) != feature]:
        raise DataError(f"it looks at the history {lost}, which the task file counts no more, or otherwise")
    return tuple(raw for raw in spec.log_inputs() if raw.column not in ours)
