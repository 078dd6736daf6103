"""What running services say about themselves: their addresses come in, who serves which version goes out.

``axon models --url`` asks. Only a service knows what it serves: an alias says what it should.
"""

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_S = 5.0


def served_by(urls: Sequence[str], name: str) -> dict[int, list[str]]:
    """Who serves which version of a model, in words, by the version's number.

    The key of the services, where they have one, is ``AXON_API_KEY`` of the environment.

    Args:
        urls: Of services, such as ``http://127.0.0.1:8000``; each process of several behind one port speaks for itself.
        name: Of the model.

    Raises:
        OSError: If one does not answer, or refuses.
    """
    served: dict[int, list[str]] = {}
    for url in urls:
        for live in _asked(url, name):
            role = "shadow" if live["shadow"] and not live["share"] else f"{live['share']:g} %"
            served.setdefault(int(live["version"]), []).append(f"{url} ({role})")
    return served


def _asked(url: str, name: str) -> list[dict[str, Any]]:
    """The live versions of a model, as `service.routes.models` answers."""
    if not url.startswith(("http://", "https://")):
        raise OSError(f"expected the address of a service, such as http://127.0.0.1:8000, got {url!r}")
    key = os.environ.get("AXON_API_KEY")
    # In UTF-8, as other clients send it; what is asked with writes Latin-1.
    headers = {"Authorization": f"Bearer {key}".encode().decode("latin-1")} if key else {}
    request = Request(f"{url.rstrip('/')}/api/v1/models/{name}", headers=headers)  # noqa: S310  # looked at above
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            live: list[dict[str, Any]] = json.load(answer)["live"]
            return live
    except HTTPError as error:
        # A service of another model, or whose registry does not have it, serves none of its versions.
        if error.code == 404:
            return []
        raise OSError(
            f"{url} answers {error.code} {error.reason}; its key is read from AXON_API_KEY"
        ) from error
    except OSError as error:
        raise OSError(f"no service answers at {url}: {error}") from error
