"""Errors that routes of today do not raise, but later ones will: no door is left to the framework's own answers."""

import asyncio
import logging

import httpx
import pytest
from fastapi import FastAPI

from service.errors import ScoringError
from service.metrics.metrics import ServiceMetrics
from service.problems import register_problems
from service.transport.middleware import ObserveRequests


@pytest.fixture
def ask():
    """Asks a small application that has our error handling around it."""
    app = FastAPI()
    app.add_middleware(ObserveRequests, metrics=ServiceMetrics())
    register_problems(app)

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a secret")

    @app.get("/no-probability")
    async def no_probability() -> None:
        raise ScoringError("shop/1 answered something that is no probability")

    async def get(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(path)

    return lambda path: asyncio.run(get(path))


def test_the_frameworks_own_validation_is_a_problem(ask):
    problem = ask("/number/one").json()
    assert (problem["type"], problem["errors"][0]["pointer"]) == ("/problems/invalid-request", "/path/number")


def test_an_unexpected_error_is_a_problem(ask):
    answer = ask("/broken")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")


def test_an_unexpected_error_tells_nothing_of_itself(ask):
    assert "secret" not in ask("/broken").text


def test_an_unexpected_error_is_logged_in_full(ask, caplog):
    with caplog.at_level(logging.ERROR):
        ask("/broken")
    assert "ZeroDivisionError: a secret" in caplog.text


def test_a_model_that_fails_is_a_problem(ask):
    answer = ask("/no-probability")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/scoring-failed")
