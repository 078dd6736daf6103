"""``/api/v1/models``: what the registry holds, and the moves of its aliases; the service follows a moved alias by itself."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self, TypeVar

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from registry import errors as registry_errors
from registry.audit import Move
from registry.reference import CHAMPION
from registry.registry import Registry
from registry.summary import VersionSummary, summaries
from service.access import check_access
from service.errors import (
    InvalidRequestError,
    RefusedMoveError,
    RegistryUnavailableError,
    UnknownVersionError,
)
from service.openapi import json_body, problem_responses
from service.routes.body import read_body
from service.scoring.body import checked, decode
from service.state import Service, service_of
from service.traffic.split import BUCKETS

router = APIRouter(prefix="/api/v1/models", tags=["models"], responses=problem_responses(models=True))

Name = Annotated[str, Path(description="of a model", examples=["shop"])]
Answer = TypeVar("Answer")


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(default="", max_length=1000, description="for the trail of the aliases")

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The body of a request.

        Raises:
            MalformedJsonError: If it is not JSON.
            InvalidRequestError: If it is not what it should be; the error says where.
        """
        return checked(cls, decode(body))


class Promotion(_Body):
    """Which alias shall mean which version."""

    version: int = Field(ge=1, strict=True)
    to: str = Field(
        default=CHAMPION, description="alias that moves: champion, challenger, shadow, or a name of yours"
    )


class Rollback(_Body):
    """Which alias shall mean again what it meant before."""

    alias: str = CHAMPION


class Pruning(_Body):
    """How many versions shall stay."""

    keep: int = Field(ge=1, strict=True, description="newest versions; those that an alias names stay, too")
    dry_run: bool = Field(default=False, strict=True, description="only say what would be removed")


class ModelsResponse(BaseModel):
    """All models."""

    models: list[str]


class LiveVersion(BaseModel):
    """A version that this process answers with."""

    version: int
    aliases: list[str] = Field(
        description="by which it is followed; none for one that is served by its number"
    )
    share: float = Field(description="of users whom it answers, in percent")
    shadow: bool = Field(description="whether it also answers in secret what others are asked")


class ModelResponse(BaseModel):
    """One model: its aliases, its versions, oldest first, and the moves of its aliases, oldest first."""

    model: str
    aliases: dict[str, int]
    live: list[LiveVersion] = Field(
        description="what this process answers with, the version that serves by default first"
    )
    versions: list[VersionSummary]
    moves: list[Move]


class MovedResponse(BaseModel):
    """An alias and what it means."""

    model_config = ConfigDict(populate_by_name=True)

    model: str
    alias: str
    before: int | None = Field(alias="from", description="version that it meant before")
    after: int = Field(alias="to", description="version that it means now")


class PrunedResponse(BaseModel):
    """What is gone."""

    model: str
    removed: list[int]
    dry_run: bool


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the registry says, as the service's errors."""
    try:
        yield
    except (registry_errors.NothingPublishedError, registry_errors.UnknownVersionError) as error:
        raise UnknownVersionError(str(error)) from error
    except registry_errors.UnusableNameError as error:
        raise InvalidRequestError(str(error)) from error
    except registry_errors.RefusedMoveError as error:
        raise RefusedMoveError(str(error)) from error
    except (registry_errors.RegistryError, OSError) as error:
        raise RegistryUnavailableError(str(error)) from error


async def _ask(service: Service, what: Callable[[Registry], Answer]) -> Answer:
    def asked() -> Answer:
        with _told():
            return what(service.registry)

    return await run_in_threadpool(asked)


def _body_of(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    return json_body(model.model_json_schema(), example)


@router.get("")
async def list_models(request: Request) -> ModelsResponse:
    """Every model that has a version."""
    service = service_of(request)
    check_access(request.headers, service.settings)
    return ModelsResponse(models=await _ask(service, lambda registry: registry.names()))


@router.get("/{name}")
async def get_model(request: Request, name: Name) -> ModelResponse:
    """A model's versions with age, data and metrics, its aliases, and how they moved."""
    service = service_of(request)
    check_access(request.headers, service.settings)

    def look(registry: Registry) -> ModelResponse:
        versions, state = summaries(registry, name), registry.state(name)
        return ModelResponse(
            model=name,
            aliases=dict(state.aliases),
            live=_live(service, name),
            versions=versions,
            moves=list(state.moves),
        )

    return await _ask(service, look)


@router.post(
    "/{name}/promote",
    openapi_extra=_body_of(Promotion, {"version": 3, "to": "champion", "reason": "looks good"}),
)
async def promote(request: Request, name: Name) -> MovedResponse:
    """Point an alias at a version."""
    service = service_of(request)
    body = Promotion.read(await read_body(request, service))

    def move(registry: Registry) -> MovedResponse:
        before = registry.aliases(name).get(body.to)
        registry.set_alias(name, body.to, body.version, reason=_reason(request, body))
        return MovedResponse(model=name, alias=body.to, before=before, after=body.version)

    return await _ask(service, move)


@router.post(
    "/{name}/rollback", openapi_extra=_body_of(Rollback, {"alias": "champion", "reason": "fewer clicks"})
)
async def rollback(request: Request, name: Name) -> MovedResponse:
    """Point an alias at the version that it meant before."""
    service = service_of(request)
    body = Rollback.read(await read_body(request, service))

    def move(registry: Registry) -> MovedResponse:
        before, after = registry.rollback(name, alias=body.alias, reason=_reason(request, body))
        return MovedResponse(model=name, alias=body.alias, before=before.number, after=after.number)

    return await _ask(service, move)


@router.post("/{name}/prune", openapi_extra=_body_of(Pruning, {"keep": 10, "dry_run": True}))
async def prune(request: Request, name: Name) -> PrunedResponse:
    """Remove old versions; never one that an alias names, that a rollback would need, or that is being loaded."""
    service = service_of(request)
    body = Pruning.read(await read_body(request, service))

    def remove(registry: Registry) -> PrunedResponse:
        removed = registry.prune(name, keep=body.keep, dry_run=body.dry_run, reason=_reason(request, body))
        return PrunedResponse(
            model=name, removed=[version.number for version in removed], dry_run=body.dry_run
        )

    return await _ask(service, remove)


def _live(service: Service, name: str) -> list[LiveVersion]:
    """The live versions of a model; none of one that is not served here."""
    settings, served = service.settings, service.holder.served
    percents = {share.alias: share.buckets * 100 / BUCKETS for share in settings.shares.shares}
    shares = [sum(percents.get(alias, 0.0) for alias in aliases) for _, aliases in served]
    return [
        LiveVersion(
            version=live.version,
            aliases=list(aliases),
            # What no other version answers falls to the first.
            share=share if place else 100.0 - sum(shares[1:]),
            shadow=settings.shadow in aliases,
        )
        for place, ((live, aliases), share) in enumerate(zip(served, shares, strict=True))
        if live.name == name
    ]


def _reason(request: Request, body: _Body) -> str:
    """What the trail says: the process that moves is this service, so who asked stands with the reason."""
    asked = f"over HTTP from {request.client.host if request.client else 'nowhere'}"
    return f"{body.reason} ({asked})" if body.reason else asked
