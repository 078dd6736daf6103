"""Who may read and change items, users and models, and send feedback: the headers of a request and the settings come in, or a refusal goes out.

The routes of these ask before they do anything.
"""

import hmac
import ipaddress

from starlette.datastructures import Headers

from service.errors import KeyRequiredError, LoopbackOnlyError
from service.settings import ServiceSettings

_HOW = "send the key of AXON_API_KEY as `Authorization: Bearer KEY` or `X-API-Key: KEY`"


def check_access(headers: Headers, settings: ServiceSettings) -> None:
    """Let a request pass that carries the service's key, or that came to a service only this machine reaches.

    Raises:
        KeyRequiredError: If the service has a key and the request has none, or another.
        LoopbackOnlyError: If the service has no key and listens on more than a loopback address.
    """
    if settings.api_key is None:
        if not is_loopback(settings.host):
            raise LoopbackOnlyError(
                f"this service listens on {settings.host} and has no key, so nobody may read or change its items, users "
                "and models, or send feedback: set AXON_API_KEY, or let it listen on 127.0.0.1"
            )
        return
    given, key = _given_keys(headers), settings.api_key.get_secret_value().encode()
    # Compared without telling by the time it takes how much of it is right.
    if not any(hmac.compare_digest(one, key) for one in given):
        raise KeyRequiredError(f"expected this service's key, got {'another' if given else 'none'}: {_HOW}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _given_keys(headers: Headers) -> list[bytes]:
    """In UTF-8: a gateway may have put a token of its own where the client's key is not."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    keys = [key for key in (bearer, headers.get("x-api-key", "")) if key]
    # Starlette reads bytes as Latin-1, whatever they are: most clients send UTF-8, Python's urllib and requests Latin-1.
    return [key.encode(sent_as) for key in keys for sent_as in ("latin-1", "utf-8")]
