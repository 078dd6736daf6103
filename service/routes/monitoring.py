"""``/metrics``: the service's counters, in the text form that the asking Prometheus prefers."""

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from service.state import service_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Counters for Prometheus."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service_of(request).metrics.registry), headers={"Content-Type": content_type})
