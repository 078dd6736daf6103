"""``/livez``, ``/readyz`` and ``/healthz``: text for orchestrators, balancers and people."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from service.problems import RETRY_AFTER_S
from service.state import Service, service_of

router = APIRouter(tags=["health"])

_READY: dict[int | str, dict[str, Any]] = {
    200: {"description": "ok", "content": {"text/plain": {"example": "ok"}}},
    503: {
        "description": "not now, and why",
        "content": {"text/plain": {"example": "not ready: loading shop/3"}},
    },
}


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_class=PlainTextResponse)
async def live() -> PlainTextResponse:
    """Whether the process runs; restart it if this does not answer."""
    return PlainTextResponse("ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_class=PlainTextResponse, responses=_READY)
async def ready(request: Request) -> PlainTextResponse:
    """Whether requests should be sent here: a model is loaded and warm, and the service is not stopping."""
    return _readiness(request)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_class=PlainTextResponse, responses=_READY)
async def health(request: Request) -> PlainTextResponse:
    """The same as `/readyz`; with `?verbose` also which versions answer, and whom."""
    return _readiness(request)


def _readiness(request: Request) -> PlainTextResponse:
    service = service_of(request)
    holder = service.holder
    reason = holder.reason
    text = "ok" if reason is None else f"not ready: {reason}"
    if "verbose" in request.query_params:
        model = f"[+] model {holder.live.origin} is loaded" if holder.live else "[-] no model is loaded"
        trouble = f"[-] {holder.trouble}\n" if holder.live and holder.trouble else ""
        beside = "".join(f"{line}\n" for line in (*_beside(service), *_pasts(service)))
        text = f"[+] process runs\n{model}\n{trouble}{beside}{text}"
    if reason is None:
        return PlainTextResponse(text)
    return PlainTextResponse(text, 503, {"Retry-After": str(RETRY_AFTER_S)})


def _beside(service: Service) -> Iterator[str]:
    """A line for each alias besides the model that answers by default."""
    holder, settings = service.holder, service.settings
    percent = {share.alias: share.percent for share in settings.shares.shares}
    for alias in settings.followed:
        live, trouble = holder.beside.get(alias), holder.absent.get(alias)
        of_users = f"{percent[alias]} of users" if alias in percent else ""
        role = ", ".join(filter(None, [of_users, "shadow" if alias == settings.shadow else ""]))
        if live is not None:
            yield f"[+] {alias} ({role}) is {live.origin}"
        if trouble is not None:
            yield f"[-] {alias} ({role}): {trouble}"


def _pasts(service: Service) -> Iterator[str]:
    """A line for each version that waits for a store of history."""
    for live, _ in service.holder.served:
        if live.waits:
            yield f"[-] {live.origin} answers from its own snapshot: nobody has filled the store of AXON_HISTORY with its history yet"
