"""The form of log lines: records come in, text or one JSON object per line goes out; `service.run` sets it up."""

import logging
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from typing_extensions import override

LogFormat = Literal["text", "json"]


class TextLines(logging.Formatter):
    """A line for people, its facts at the end as ``name=value``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        facts = [f"{name}={value}" for name, value in getattr(record, "facts", {}).items()]
        return " ".join([super().formatMessage(record), *facts])


class JsonLines(logging.Formatter):
    """A JSON object per record, with the facts that came along as ``extra={"facts": {...}}``."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def set_up_log(level: str, form: LogFormat) -> None:
    """Have everything of this level and above written to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
