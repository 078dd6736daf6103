"""The log of a run, up to a cut and checked against what the champion learned from; `training.pipeline` takes it from here.

A task's files come in as they are now; chunk files and, for a retraining, ``data.json`` in the run's directory go out.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.moments import epoch_ms
from features.profile import DataProfile
from features.spec import RawInput
from registry.version import Version
from training.config import TaskConfig
from training.errors import DataError, DriftError
from training.log.ingest import Ingested, ingest
from training.log.quarantine import Quarantine
from training.log.split import shown
from training.progress import Progress
from training.retraining.drift import check_failures, drifts
from training.retraining.joined_log import JoinedLog
from training.retraining.profile import draw, profile_of, read_profile
from training.run import RunDirectory


@dataclass(frozen=True)
class Retraining:
    """What sets a scheduled run apart: it reads up to a cut, and compares the log with the champion's.

    Attributes:
        until: Impressions from this moment on are left out; None for a log without a clock.
        joined: What is kept of the service's decisions; None where the task names no place of them.
    """

    until: datetime | None
    joined: JoinedLog | None = None


@dataclass(frozen=True)
class Gathering:
    """Where a log comes from and goes to.

    Attributes:
        root: Directory of the data files, as `Places.data_root`.
        run: The run.
        inputs: The columns.
        champion: The version to compare with; None before there is one.
        retraining: Whether this is a scheduled run; None where somebody asked for it.
    """

    root: Path
    run: RunDirectory
    inputs: tuple[RawInput, ...]
    champion: Version | None
    retraining: Retraining | None


def gathered(config: TaskConfig, how: Gathering, progress: Progress) -> Ingested:
    """Read the log and, for a retraining, cut it, check it and write down which data it was.

    Raises:
        DataError: If the log cannot be used.
        DriftError: If it is no longer like the champion's; the reasons name columns.
    """
    with Quarantine(how.run.quarantine, config.data.max_bad_rows) as quarantine:
        log = ingest(
            config, how.inputs, how.root, quarantine=quarantine, work_dir=how.run.work, progress=progress
        )
    if how.retraining is None:
        return log
    decided: dict[str, Any] = {}
    if how.retraining.joined is not None:
        log, decided = _with_decisions(log, config, how, how.retraining.joined, progress)
    if how.retraining.until is not None:
        log = _before(log, how.retraining.until, how.run)
    profiles = _profiles(log, config, how.champion)
    facts = _facts(log, profiles) | decided
    how.run.write("data.json", json.dumps(facts, indent=1, ensure_ascii=False))
    if profiles and (reasons := check_failures(*profiles, config.checks)):
        raise DriftError([*reasons, f"{how.run.path / 'data.json'} has every column"])
    return log


def fingerprint(log: Ingested) -> str:
    """Sixty-four hexadecimal digits that change with any value, label, time or the order of the impressions."""
    digest = hashlib.sha256()
    for file in log.files:
        digest.update(pl.read_ipc(file).hash_rows(seed=0).to_numpy().tobytes())
    return digest.hexdigest()


def _with_decisions(
    log: Ingested, config: TaskConfig, how: Gathering, joined: JoinedLog, progress: Progress
) -> tuple[Ingested, dict[str, Any]]:
    """The log and, behind it, all decisions that could be labelled by now; what to write down about them."""
    with progress.stage("joining decisions", unit="impressions") as bar:
        new = joined.grow(config, how.retraining.until if how.retraining else None)
        bar.advance(new.get("impressions", 0))
    if not joined.files:
        return log, {"decisions": {"impressions": 0, "new": new}}
    work = how.run.work / "decisions"
    work.mkdir()
    with Quarantine(how.run.path / "quarantine-decisions.jsonl", config.data.max_bad_rows) as quarantine:
        decided = ingest(
            joined.task(config),
            how.inputs,
            how.root,
            quarantine=quarantine,
            work_dir=work,
            progress=progress,
            noted=True,
        )
    followed = replace(log.followed_by(decided), shown_ms=joined.until_ms)
    return followed, {"decisions": {"impressions": decided.rows, "new": new}}


def _before(log: Ingested, until: datetime, run: RunDirectory) -> Ingested:
    until_ms = epoch_ms(until)
    if log.time_ms.min() >= until_ms:
        raise DataError(
            f"expected impressions before {shown(until_ms)}, got none: the log begins at {shown(int(log.time_ms.min()))}; "
            "name a later --until, or wait until the first impressions are past retrain.attribution"
        )
    return log if log.time_ms.max() < until_ms else log.before(until_ms, run.work)


def _profiles(
    log: Ingested, config: TaskConfig, champion: Version | None
) -> tuple[DataProfile, DataProfile] | None:
    """What the champion learned from and the impressions since; None where there is nothing to compare."""
    before = read_profile(champion.directory) if champion is not None else None
    if before is None:
        return None
    new = (
        log.time_ms > before.last_ms if log.dated and before.last_ms is not None else np.ones(log.rows, bool)
    )
    if new.sum() < config.checks.min_impressions:
        return None
    return before, profile_of(draw(log, new), config.features.log_inputs(), like=before)


def _facts(log: Ingested, profiles: tuple[DataProfile, DataProfile] | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "impressions": log.rows,
        "bad_rows": log.bad_rows,
        "first": shown(int(log.time_ms.min())) if log.dated else None,
        "last": shown(int(log.time_ms.max())) if log.dated else None,
        "fingerprint": fingerprint(log),
    }
    if profiles:
        before, now = profiles
        facts["since_champion"] = {"impressions": now.impressions, "click_rate": now.click_rate}
        facts["drift"] = {
            name: {"psi": round(moved.psi, 5), "moved": [part._asdict() for part in moved.moved[:5]]}
            for name, moved in drifts(before, now).items()
        }
    return facts
