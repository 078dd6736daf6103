"""(g) BentoML with its adaptive batching: ``bentoml serve`` starts it.

What BentoML batches are lists, so a body becomes a list of one before BentoML reads it, and so does its answer.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import bentoml

from benchmarks.serving.servers.network import Network
from benchmarks.serving.servers.questions import joined, split

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


@bentoml.service(workers=1, traffic={"timeout": 30})
class Ranker:
    """Decodes, computes and words the answers of a batch."""

    def __init__(self) -> None:
        self.network = Network.named()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=30_000, route="/rank")
    def rank(self, requests: list[dict[str, Any]], /) -> list[dict[str, Any]]:
        """The answers of a batch."""
        questions = [self.network.reader.read(request) for request in requests]
        return split(questions, self.network.probabilities(joined(questions)))


class ListOfOne:
    """Brackets around the body of every request to ``/rank``."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Callable[..., Awaitable[None]]) -> None:
        """Read the body, and hand it on in brackets."""
        if scope["type"] != "http" or scope["path"] != "/rank":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        whole = {"type": "http.request", "body": b"[" + body + b"]"}
        sizes = [(b"content-length", str(len(whole["body"])).encode())]
        headers = sizes + [header for header in scope["headers"] if header[0] != b"content-length"]
        messages = iter([whole])

        async def once() -> Message:
            return next(messages, None) or await receive()

        await self._app({**scope, "headers": headers}, once, send)


Ranker.add_asgi_middleware(ListOfOne)  # type: ignore[attr-defined]  # the decorator makes a service of the class
