"""The body of somebody who may change something: a request comes in, its bytes go out, counted while they come.

`service.routes.entities` and `service.routes.feedback` call it.
"""

import asyncio

from fastapi import Request

from service.access import check_access
from service.errors import BodyTooLargeError, SlowBodyError
from service.state import Service
from service.transport.hot import check_media_type


async def read_body(request: Request, service: Service) -> bytes:
    """The body, once it is known that it may be read.

    Raises:
        KeyRequiredError: If the key is missing or wrong.
        LoopbackOnlyError: If nobody may change anything here.
        MediaTypeError: If it is no plain JSON.
        BodyTooLargeError: As soon as it has more bytes than it may.
        SlowBodyError: If it has not come in time.
    """
    settings = service.settings
    check_access(request.headers, settings)
    check_media_type(dict(reversed(request.scope["headers"])))
    body = bytearray()
    try:
        async with asyncio.timeout(settings.read_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body_bytes:
                    raise BodyTooLargeError(
                        f"expected at most {settings.max_body_bytes} bytes, got more: split the request"
                    )
    except TimeoutError as error:
        raise SlowBodyError(f"expected the body within {settings.read_s:g} s") from error
    return bytes(body)
