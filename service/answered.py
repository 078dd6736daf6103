"""What goes back to a client, before anything knows of HTTP messages: handlers and `service.problems` make it, `service.transport.hot` sends it."""

from typing import NamedTuple

from service.models.live import LiveModel

JSON = "application/json"


class Answered(NamedTuple):
    """The answer to one request of a batch.

    Attributes:
        status: Of HTTP.
        body: As it is sent.
        media_type: Of the body.
        live: The model that answered, if one did.
        headers: Others than the type and length of the body.
        decision_id: Of a ranked answer.
        noted: Ids of the decisions that were noted, one for each question or row; empty for one that was not.
    """

    status: int
    body: bytes
    media_type: str = JSON
    live: LiveModel | None = None
    headers: tuple[tuple[str, str], ...] = ()
    decision_id: str = ""
    noted: tuple[str, ...] = ()
