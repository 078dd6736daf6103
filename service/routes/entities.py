"""``/api/v1/items`` and ``/api/v1/users``: what the catalog has by id, to read and to change.

A change is kept, and the item computed anew, before it is answered.
"""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, JsonValue
from starlette.concurrency import run_in_threadpool

from service.access import check_access
from service.catalog.entity_request import Features, read_entities, read_entity, read_id
from service.catalog.features import FeatureReader
from service.catalog.store import Entity
from service.errors import UnknownEntityError
from service.openapi import json_body, problem_responses
from service.routes.body import read_body
from service.scoring.body import MAX_ID_LENGTH
from service.state import Service, service_of

router = APIRouter(tags=["catalog"])

Id = Annotated[str, Path(min_length=1, max_length=MAX_ID_LENGTH, description="as requests to rank name it")]

_FEATURES: dict[str, Any] = {
    "type": "object",
    "description": "by column: what the model reads, as in a score request, and anything else that filters may ask for: "
    "a text, a number, true, false, or a list of them",
}
_PROBLEMS = problem_responses(catalog=True)


class EntityResponse(BaseModel):
    """What the catalog has of one item or user."""

    id: str
    features: dict[str, JsonValue] = Field(description="by column, as they came")


class StoredResponse(BaseModel):
    """What a change of several came to."""

    stored: int = Field(description="how many are in the catalog as the request has them")


def _body_of(properties: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }
    return json_body(schema, example)


_EXAMPLE = {"features": {"category": "shoes"}}
_ONE: dict[str, Any] = {
    "response_model": EntityResponse,
    "responses": {201: {"model": EntityResponse, "description": "it is new"}, **_PROBLEMS},
    "openapi_extra": _body_of({"features": _FEATURES}, _EXAMPLE),
}
_NONE: dict[str, Any] = {"status_code": 204, "response_class": Response, "response_model": None}


def _several(plural: str) -> dict[str, Any]:
    entity = {
        "type": "object",
        "required": ["id", "features"],
        "additionalProperties": False,
        "properties": {"id": {"type": ["string", "integer"]}, "features": _FEATURES},
    }
    listed = {"type": "array", "minItems": 1, "items": entity}
    return _body_of({plural: listed}, {plural: [{"id": "a1", **_EXAMPLE}]})


class EntityRoutes:
    """The four addresses of one kind of entity."""

    def __init__(self, kind: Entity) -> None:
        self._kind = kind
        self._plural = f"{kind}s"

    async def get(self, request: Request, key: Id) -> Response:
        service = service_of(request)
        check_access(request.headers, service.settings)
        (features,) = await run_in_threadpool(service.catalog.store.get, self._kind, [key])
        if features is None:
            raise UnknownEntityError(f"the catalog has no {self._kind} {key[:100]!r}")
        return _answer(key, features)

    async def put(self, request: Request, key: Id) -> Response:
        service = service_of(request)
        features = read_entity(await read_body(request, service), self._reader(service))
        (known,) = await run_in_threadpool(service.catalog.store.get, self._kind, [key])
        await self._keep(service, {read_id(key, ""): features})
        return _answer(key, orjson.dumps(features), status=201 if known is None else 200)

    async def put_several(self, request: Request) -> StoredResponse:
        service = service_of(request)
        body, most = await read_body(request, service), service.settings.max_rows
        reader = self._reader(service)
        entities = await run_in_threadpool(read_entities, body, self._plural, reader, most=most)
        await self._keep(service, entities)
        return StoredResponse(stored=len(entities))

    async def delete(self, request: Request, key: Id) -> Response:
        service = service_of(request)
        check_access(request.headers, service.settings)
        await run_in_threadpool(service.catalog.store.delete, self._kind, [key])
        await service.catalog.follow(service.engine.run)
        return Response(status_code=204)

    def add_to(self, router: APIRouter) -> None:
        """Register them."""
        kind, several, one = self._kind, f"/api/v1/{self._plural}", f"/api/v1/{self._plural}/{{key:path}}"
        for method, endpoint, purpose, described in (
            ("GET", self.get, f"What the catalog has of one {kind}.", {"response_model": EntityResponse}),
            ("PUT", self.put, f"Add one {kind}, or replace all its features.", _ONE),
            ("DELETE", self.delete, f"Forget one {kind}; one that is not there is no error.", _NONE),
        ):
            router.add_api_route(
                one,
                endpoint,
                methods=[method],
                name=f"{method.lower()}_{kind}",
                description=purpose,
                **{"responses": _PROBLEMS, **described},
            )
        router.add_api_route(
            several,
            self.put_several,
            methods=["POST"],
            name=f"put_{self._plural}",
            description=f"Add or replace several {self._plural}: all of them or, if anything is wrong, none.",
            response_model=StoredResponse,
            responses=_PROBLEMS,
            openapi_extra=_several(self._plural),
        )

    def _reader(self, service: Service) -> FeatureReader:
        live = service.holder.pick(None)
        manifest = live.manifest
        key = manifest.item_key if self._kind is Entity.ITEM else manifest.user_key
        return FeatureReader.of(live.fitted.spec, self._kind, key)

    async def _keep(self, service: Service, entities: dict[str, Features]) -> None:
        kept = {key: orjson.dumps(features) for key, features in entities.items()}
        await run_in_threadpool(service.catalog.store.put, self._kind, kept)
        await service.catalog.follow(service.engine.run)


def _answer(key: str, features: bytes, status: int = 200) -> Response:
    document = {"id": key, "features": orjson.Fragment(features)}
    return Response(orjson.dumps(document), status, media_type="application/json")


for _kind in (Entity.ITEM, Entity.USER):
    EntityRoutes(_kind).add_to(router)
