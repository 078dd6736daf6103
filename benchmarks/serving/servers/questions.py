"""What the bodies of the benchmark ask: a decoded JSON document comes in, columns by name go out, answers are worded.

Every server of this folder but the constant ones reads its bodies with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODEL = "BENCHMARK_MODEL"
"""Environment variable: directory of the version that is served, ``.../NAME/NUMBER``."""

Values = dict[str, list[Any]]
"""One list of JSON values per column, each of the length of the question."""


@dataclass(frozen=True)
class Column:
    """A column of the model, and on which side of a body it stands: ``user``, ``item`` or ``context``."""

    name: str
    side: str


@dataclass(frozen=True)
class Question:
    """One request, by columns.

    Attributes:
        values: As the body has them; None where it has none.
        size: How many probabilities are asked for.
        ids: Of the candidates of a rank request; None for a score request.
        k: How many candidates of a rank request are wanted, the likeliest first.
    """

    values: Values
    size: int
    ids: list[str] | None = None
    k: int = 0


class Reader:
    """Reads bodies for one model.

    Args:
        columns: Of the model.
        item_key: The column that the id of a candidate fills.
        user_key: The column that the id of the user fills.
    """

    def __init__(self, columns: Sequence[Column], user_key: str | None, item_key: str | None) -> None:
        self._columns, self._user_key, self._item_key = columns, user_key, item_key

    def read(self, document: Mapping[str, Any]) -> Question:
        """The columns of a score request (it has ``rows``) or of a rank request (it has ``candidates``)."""
        return self._of_rows(document["rows"]) if "rows" in document else self._of_candidates(document)

    def _of_rows(self, rows: list[dict[str, dict[str, Any]]]) -> Question:
        values = {
            column.name: [row.get(column.side, {}).get(column.name) for row in rows]
            for column in self._columns
        }
        return Question(values, len(rows))

    def _of_candidates(self, document: Mapping[str, Any]) -> Question:
        candidates = document["candidates"]
        ids = [candidate["id"] for candidate in candidates]
        features = [candidate["features"] for candidate in candidates]
        shared = {**document["user"].get("features", {}), **document.get("context", {})}
        if self._user_key is not None:
            shared[self._user_key] = document["user"].get("id")
        values: Values = {}
        for column in self._columns:
            if column.name == self._item_key:
                values[column.name] = ids
            elif column.side == "item":
                values[column.name] = [one.get(column.name) for one in features]
            else:
                values[column.name] = [shared.get(column.name)] * len(ids)
        return Question(values, len(ids), ids, document.get("k") or len(ids))


def joined(questions: Sequence[Question]) -> Values:
    """The columns of several questions, one below the other: what a batching server computes at once."""
    if len(questions) == 1:
        return questions[0].values
    return {
        name: [value for question in questions for value in question.values[name]]
        for name in questions[0].values
    }


def answer(question: Question, probabilities: Sequence[float]) -> dict[str, Any]:
    """The answer to a score or rank request, in the words of Axon's own."""
    if question.ids is None:
        return {"probabilities": list(probabilities)}
    order = sorted(range(question.size), key=lambda place: -probabilities[place])[: question.k]
    return {
        "items": [
            {"id": question.ids[place], "rank": rank, "probability": probabilities[place]}
            for rank, place in enumerate(order, start=1)
        ]
    }


def split(questions: Sequence[Question], probabilities: Sequence[float]) -> list[dict[str, Any]]:
    """The answers to several questions that were `joined`."""
    answers, start = [], 0
    for question in questions:
        answers.append(answer(question, probabilities[start : start + question.size]))
        start += question.size
    return answers
