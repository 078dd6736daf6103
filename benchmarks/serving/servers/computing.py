"""How the careful services take a body and where they compute: what both of them have in common.

Pydantic validates the bytes of a body in one step into plain dictionaries, as its own advice on performance has it. Three
requests are computed at a time, each by one thread of TensorFlow: more threads than that fight over two cores.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
import tensorflow as tf
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

THREADS = 3
"""Requests that are computed at once: two cores are busy while a third is between Python and TensorFlow."""


def one_thread_per_call() -> None:
    """Let TensorFlow compute a call on the thread that asks. To be called before it computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


@asynccontextmanager
async def few_threads(_: FastAPI) -> AsyncIterator[None]:
    """The lifespan of an application whose pool has `THREADS` threads."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


async def read_body(body: TypeAdapter[Any], request: Request) -> Any:
    """The body of a request, validated.

    Raises:
        RequestValidationError: If it is not what is expected; FastAPI answers 422.
    """
    try:
        return body.validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
