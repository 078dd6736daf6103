"""The base of whatever is read from YAML or JSON, or written as JSON: parts of a task file, manifests, reports."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from typing_extensions import override


class Document(BaseModel):
    """Frozen, and without room for keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        # What was worked out once and kept follows from the fields, and these are others now.
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


class FiniteDocument(Document):
    """The same, without room for NaN and infinities, which JSON cannot write."""

    model_config = ConfigDict(allow_inf_nan=False)
