"""Logs on standard error: text for people, one JSON object a line for machines.

A log line names files, tables, stages and counts, never a value of the data.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

LOGGER = logging.getLogger("epc_release")
LogFormat = Literal["text", "json"]
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def default_format(environ: Mapping[str, str], stream: TextIO) -> LogFormat:
    """JSON where nobody looks: no terminal, and ``CI`` is set."""
    return "json" if environ.get("CI") and not stream.isatty() else "text"


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, message, and the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **extra,
        }
        return json.dumps(line, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """The level where it matters, the message, and the extra fields behind it."""

    def format(self, record: logging.LogRecord) -> str:
        extra = ", ".join(f"{k} {v}" for k, v in vars(record).items() if k not in _STANDARD)
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        return f"{level}{record.getMessage()}" + (f" ({extra})" if extra else "")


def start(log_format: LogFormat) -> None:
    """Send the logs of this program (and of no library) to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else Text())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def is_json() -> bool:
    """Whether machines read the logs of this run."""
    return any(isinstance(handler.formatter, JsonLines) for handler in LOGGER.handlers)
