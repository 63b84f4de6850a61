"""The log of viewings. A viewing is one viewer's stream of one camera. Each of its log lines has the viewing's id,
which the viewer is told too.

`begin(id)` marks every line that the current task logs from then on, by any logger. Tasks and database threads that
the task starts inherit the id. Start a task that outlives the viewing in a `contextvars.Context` of its own.
`log_event` logs the events of a viewing; docs/metrics.md lists them with their fields.
"""

import json
import logging
import re
import time
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as Formatter

NONE = "-"  # the id of lines outside of a viewing
PLAIN_WORD = re.compile(r"[\w.:/@+-]+")  # needs no quotes

logger = logging.getLogger("streaming.viewing_log")  # log collectors filter by this name (docs/metrics.md)

_viewing: ContextVar[str] = ContextVar("viewing", default=NONE)
_began: ContextVar[float] = ContextVar("began", default=0.0)  # time.monotonic()


def begin(id: str) -> None:
    """Mark all lines that this task logs from now on with the id of a viewing, that is one viewer's stream. Also
    starts the clock of `elapsed`.
    """
    _viewing.set(id)
    _began.set(time.monotonic())


def elapsed() -> float:
    """Returns the seconds since this task, or the one that started it, called `begin` for a viewer's stream.
    Meaningless outside of one.
    """
    return time.monotonic() - _began.get()


def log_event(event: str, **facts: object) -> None:
    """Log an event of the viewer's stream that this task runs, such as "admitted", at level INFO. `facts`: fields of
    the line; those that are None are left out.
    """
    if logger.isEnabledFor(logging.INFO):
        logger.info(event, extra={"facts": {name: fact for name, fact in facts.items() if fact is not None}})


class ViewingFilter(logging.Filter):
    """Adds `viewing` to each log record: the id of the viewer's stream whose task logs it, "-" outside of one. Add the
    filter to a handler: unlike a logger, a handler gets the records of all loggers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.viewing = _viewing.get()
        return True


class PlainFormatter(logging.Formatter):
    """Formats a log record as plain text, with its fields at the end:
    `2026-03-01 12:00:00,000 INFO streaming.viewing_log: admitted viewing=a:1 camera=... ms=3`
    """

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        viewing = getattr(record, "viewing", NONE)
        facts: dict[str, object] = getattr(record, "facts", {})
        if viewing != NONE:
            facts = {"viewing": viewing, **facts}
        return " ".join([line, *(f"{name}={_quoted(fact)}" for name, fact in facts.items())])


class JsonFormatter(Formatter):
    """Formats a log record as one JSON object in one line: time (UTC), level, logger, message, viewing (id of the
    viewer's stream, or "-") and the fields of an event. `exc_info` holds a traceback.
    """

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, "request", "facts"],  # Django adds its whole request
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(getattr(record, "facts", {}))


def _quoted(fact: object) -> str:
    """Returns `fact` as text. All but plain words are quoted as JSON, so that no name in it can imitate another field
    or line of the log.
    """
    text = str(fact)
    return text if PLAIN_WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
