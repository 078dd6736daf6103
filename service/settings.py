"""How the service runs: environment variables with the prefix AXON_ come in, once, and `ServiceSettings` go out.

The command line may override them, see `read_settings`; `service.run` and `service.app` are built from them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from history.stores.opening import SCHEMES as HISTORY_SCHEMES
from journal import SCHEMES as JOURNAL_SCHEMES
from journal.writer import Fsync, WhenFull
from registry.opening import CACHE
from registry.reference import CHAMPION, ModelRef, checked_name
from service.catalog.opening import SCHEMES as ENTITY_SCHEMES
from service.errors import SettingsError
from service.telling.log_format import LogFormat
from service.traffic.split import Split
from service.watch.promises import Shown

RuntimeName = Literal["auto", "tensorflow", "onnx"]

_SCHEMES = {"history": HISTORY_SCHEMES, "decisions": JOURNAL_SCHEMES, "entities": ENTITY_SCHEMES}
"""How an address may begin, by setting."""


class ServiceSettings(BaseSettings):
    """Everything about the service that is not the model's business."""

    model_config = SettingsConfigDict(env_prefix="AXON_", frozen=True, extra="forbid")

    registry: str = Field(
        default="models",
        description="published models: a directory, or an object store such as s3://BUCKET/PREFIX",
    )
    registry_cache: Path = Field(
        default=CACHE, description="directory for verified copies of versions of an object store"
    )
    model: str | None = Field(
        default=None,
        description="NAME[:VERSION|@ALIAS]; by default the champion of the only model, also when others have come beside it; who "
        "starts with several has to name one",
    )
    split: str = Field(
        default="",
        description="users by alias, in percent, such as champion:90,challenger:10; whoever is in no share is answered by the "
        "model above, as by an alias that is no version's; a share of 0 makes a version live for those who ask for it by name",
    )
    split_salt: str = Field(default="", description="another one deals all users out anew")
    shadow: str | None = Field(
        default=None,
        description="alias whose version answers every request too, in spare time; its answers are noted and never returned",
    )
    shadow_queue_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        description="most bytes of requests and answers that wait for the shadow; what does not fit is dropped and counted",
    )
    host: str = Field(default="127.0.0.1", description="address to listen on; this machine only by default")
    port: int = Field(default=8000, ge=0, le=65535, description="to listen on; 0 for any free one")
    max_rows: int = Field(default=5000, ge=1, le=1_000_000, description="most rows of one request")
    max_candidates: int = Field(
        default=20_000, ge=1, le=1_000_000, description="most candidates of one request to rank"
    )
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1, description="most bytes of one request's body")
    history: str | None = Field(
        default=None,
        description="store of what happened before, kept up to date by axon remember: redis://HOST:PORT/NUMBER or sqlite:PATH; "
        "by default what it was at the end of training, kept with the version",
    )
    catalog: Path | None = Field(
        default=None,
        description="file of items to import: .parquet, .csv, .tsv or .jsonl, the texts also as .gz",
    )
    users: Path | None = Field(default=None, description="file of users to import, as for items")
    entities: str = Field(
        default="sqlite:catalog.sqlite",
        description="store of items and users: redis://HOST:PORT/NUMBER or sqlite:PATH, a file that is made when something "
        "is put into it",
    )
    decisions: str | None = Field(
        default=None,
        description="where answers and feedback are noted: file:DIR or redis://HOST:PORT/NUMBER; nowhere by default",
    )
    decision_rate_rank: float = Field(default=1.0, ge=0, le=1, description="share of ranked requests noted")
    decision_rate_score: float = Field(default=0.0, ge=0, le=1, description="share of scored rows noted")
    decision_described: int = Field(
        default=100, ge=1, description="most candidates of an answer whose features are noted, from the best"
    )
    decision_fsync: Fsync = Field(
        default="interval",
        description="when decisions are forced onto the disc: always (after each write), interval or never; feedback "
        "always is, before it is acknowledged",
    )
    decision_fsync_s: float = Field(default=1.0, gt=0, le=3600, description="seconds between two of them")
    decision_file_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="bytes after which the next file is begun"
    )
    decision_file_s: float = Field(
        default=3600.0, gt=0, description="seconds after which the next file is begun"
    )
    decision_keep_s: float | None = Field(
        default=None,
        gt=0,
        description="seconds after which decisions and feedback may be deleted, joined or not; by default files stay and Redis "
        "forgets after seven days",
    )
    decision_keep_bytes: int | None = Field(
        default=None,
        ge=1024,
        description="bytes of each journal beyond which the oldest records are deleted, joined or not; no limit by "
        "default",
    )
    decision_queue_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="most bytes of decisions, and of feedback, that wait"
    )
    decision_when_full: WhenFull = Field(
        default="drop", description="what a decision does for which there is no room: drop (counted) or wait"
    )
    feedback_window_s: float = Field(
        default=86_400.0, gt=0, description="seconds after which an event is late"
    )
    feedback_future_s: float = Field(
        default=300.0, ge=0, description="seconds by which the clock of an event may be ahead"
    )
    feedback_known: int = Field(
        default=200_000,
        ge=1,
        description="most ids of events, and of decisions, that are remembered to tell duplicate and unknown ones",
    )
    api_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="needed by whoever reads or changes items, users and models, or sends feedback; without one only a service "
        "on a loopback address lets them",
    )
    runtime: RuntimeName = Field(
        default="auto",
        description="what computes: tensorflow, onnx (ONNX Runtime, less memory and no TensorFlow), or auto: onnx where "
        "the version carries graphs for it and ONNX Runtime is installed, else tensorflow",
    )
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="cores used for scoring; all of them by default"
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="processes that share the port; a dead one is replaced, and the cores are shared out",
    )
    deadline_ms: int = Field(
        default=1000,
        ge=1,
        le=600_000,
        description="longest wait of a request for its turn; a request may name a shorter one in X-Axon-Deadline-Ms",
    )
    queue_size: int = Field(
        default=1024, ge=1, le=1_000_000, description="most requests that wait; others are told to come again"
    )
    queue_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1, description="most bytes of bodies that wait or are still coming"
    )
    read_s: float = Field(
        default=10.0, gt=0, le=600, description="longest time from a request's head to the end of its body"
    )
    poll_s: float = Field(
        default=2.0,
        gt=0,
        le=3600,
        description="seconds between two looks into the registry, and whether the store of history is filled",
    )
    load_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of a core that loading a version may take, for its first half minute, while another one answers",
    )
    drain_s: float = Field(
        default=1.0,
        ge=0,
        le=600,
        description="seconds between saying 'not ready' and closing the port, for balancers to notice",
    )
    stop_s: int = Field(default=20, ge=1, le=600, description="longest wait for open requests when stopping")
    watch_rows_per_s: float = Field(
        default=200.0,
        ge=0,
        description="most answered rows per second whose features are looked at for /metrics; 0 for none",
    )
    watch_window_s: float = Field(
        default=3600.0, gt=0, description="seconds of requests that drift is told of"
    )
    watch_attribution_s: float = Field(
        default=1800.0,
        gt=0,
        description="seconds after which a shown item is not clicked any more, where promised and observed clicks are compared",
    )
    watch_shown: Shown = Field(
        default="impressions",
        description="what counts as shown there: impressions (events) or answered, where clients send no impressions",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least of what is logged"
    )
    log_format: LogFormat = Field(
        default="text", description="of log lines: text for people, or json, an object per line, for machines"
    )
    log_requests: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of requests that leave a line in the log; failures always do",
    )
    traces: Literal["none", "otlp"] = Field(
        default="none",
        description="where spans go: nowhere, or to an OpenTelemetry collector over OTLP, as the standard's OTEL_* variables say",
    )

    @field_validator("model", "shadow", "history", "catalog", "users", "decisions", mode="before")
    @classmethod
    def _nothing_is_none(cls, given: object) -> object:
        # As Compose hands on a variable that a file .env leaves empty.
        return None if given == "" else given

    @field_validator("registry", mode="before")
    @classmethod
    def _registry_is_text(cls, registry: object) -> object:
        return str(registry) if isinstance(registry, Path) else registry

    @field_validator("model")
    @classmethod
    def _model_is_a_reference(cls, model: str | None) -> str | None:
        if model is not None:
            ModelRef.parse(model)
        return model

    @field_validator("shadow")
    @classmethod
    def _shadow_is_an_alias(cls, shadow: str | None) -> str | None:
        return shadow if shadow is None else checked_name(shadow, what="an alias")

    @field_validator("split")
    @classmethod
    def _split_is_readable(cls, split: str, before: ValidationInfo) -> str:
        Split.parse(split, salt="", default=_alias_by_default(before.data.get("model")))
        return split

    @field_validator("history", "decisions", "entities")
    @classmethod
    def _is_an_address(cls, address: str | None, what: ValidationInfo) -> str | None:
        schemes = _SCHEMES[str(what.field_name)]
        if address is not None and address.partition(":")[0] not in schemes:
            raise ValueError(f"expected one of {', '.join(schemes)} before the first colon, got {address!r}")
        return address

    @property
    def wanted(self) -> ModelRef | None:
        """The version to serve; None for the champion of the only model."""
        return None if self.model is None else ModelRef.parse(self.model)

    @property
    def shares(self) -> Split:
        """Which users which alias answers."""
        return Split.parse(self.split, salt=self.split_salt, default=_alias_by_default(self.model))

    @property
    def followed(self) -> tuple[str, ...]:
        """Aliases whose versions are live beside the one that answers by default, each once."""
        shadow = () if self.shadow is None else (self.shadow,)
        return tuple(dict.fromkeys([*(share.alias for share in self.shares.shares), *shadow]))


def _alias_by_default(model: str | None) -> str | None:
    """The alias of the version that answers by default; None where a number names the version."""
    at = CHAMPION if model is None else ModelRef.parse(model).at
    return at if isinstance(at, str) else None


def read_settings(options: Mapping[str, Any]) -> ServiceSettings:
    """What options of the command line say, and the environment about the rest.

    Args:
        options: Values by the names of settings, as the command line got them.

    Raises:
        SettingsError: If something makes no sense, with a line for every such setting.
    """
    try:
        return ServiceSettings(**options)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise SettingsError("\n  ".join(_explained(problem, options) for problem in problems)) from error


def _explained(problem: Any, options: Mapping[str, Any]) -> str:
    """One line for one wrong setting: the option or the variable that gave it, and what is wrong."""
    name = str(problem["loc"][0])
    given_as = f"--{name}" if name in options else f"AXON_{name.upper()}"
    if problem["type"] == "value_error":
        # Ours, and it shows what came.
        return f"{given_as}: {problem['ctx']['error']}"
    return f"{given_as}: {problem['msg']} (got {problem['input']!r:.80})"
