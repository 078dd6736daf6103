"""``/livez``, ``/readyz`` and ``/healthz``: text for orchestrators, balancers and people."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from service.problems import RETRY_AFTER_S
from service.state import service_of

router = APIRouter(tags=["health"])

_READY: dict[int | str, dict[str, Any]] = {
    200: {"description": "ok", "content": {"text/plain": {"example": "ok"}}},
    503: {
        "description": "not now, and why",
        "content": {"text/plain": {"example": "not ready: loading shop/3"}},
    },
}


@router.get("/livez", response_class=PlainTextResponse)
async def live() -> PlainTextResponse:
    """Whether the process runs; restart it if this does not answer."""
    return PlainTextResponse("ok")


@router.get("/readyz", response_class=PlainTextResponse, responses=_READY)
async def ready(request: Request) -> PlainTextResponse:
    """Whether requests should be sent here: a model is loaded and warm, and the service is not stopping."""
    return _readiness(request)


@router.get("/healthz", response_class=PlainTextResponse, responses=_READY)
async def health(request: Request) -> PlainTextResponse:
    """The same as `/readyz`; with `?verbose` also which model answers."""
    return _readiness(request)


def _readiness(request: Request) -> PlainTextResponse:
    holder = service_of(request).holder
    reason = holder.reason
    text = "ok" if reason is None else f"not ready: {reason}"
    if "verbose" in request.query_params:
        model = f"[+] model {holder.live.origin} is loaded" if holder.live else "[-] no model is loaded"
        trouble = f"[-] {holder.trouble}\n" if holder.live and holder.trouble else ""
        text = f"[+] process runs\n{model}\n{trouble}{text}"
    if reason is None:
        return PlainTextResponse(text)
    return PlainTextResponse(text, 503, {"Retry-After": str(RETRY_AFTER_S)})
