"""The log of viewings: what became of each from its handshake to its close, under the id that its viewer is told, too.

`begin(id)` in the task of a viewing marks all that is logged in it from then on, whoever logs it; `log_event` writes the
milestones (docs/metrics.md lists them with their facts). Tasks and database threads started there inherit the id;
what outlives the viewing is to be started with a context of its own.
"""

import json
import logging
import re
import time
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as Formatter

NONE = "-"  # what is logged outside of a viewing
PLAIN_WORD = re.compile(r"[\w.:/@+-]+")  # what needs no quotes

logger = logging.getLogger("streaming.viewing_log")  # as docs/metrics.md tells log collectors

_viewing: ContextVar[str] = ContextVar("viewing", default=NONE)
_began: ContextVar[float] = ContextVar("began", default=0.0)  # time.monotonic()


def begin(id: str) -> None:
    """All that this task logs from now on belongs to viewing `id`."""
    _viewing.set(id)
    _began.set(time.monotonic())


def elapsed() -> float:
    """Seconds since the running viewing began."""
    return time.monotonic() - _began.get()


def log_event(event: str, **facts: object) -> None:
    """Log a milestone of the running viewing. Facts that are None are left out."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(event, extra={"facts": {name: fact for name, fact in facts.items() if fact is not None}})


class ViewingFilter(logging.Filter):
    """Puts `viewing` into each record: of a handler, as records of all loggers pass there."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.viewing = _viewing.get()
        return True


class PlainFormatter(logging.Formatter):
    """`2026-03-01 12:00:00,000 INFO streaming.viewing.log: admitted viewing=a:1 camera=... ms=3`"""

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
    """An object a line: time (UTC), level, logger, message, viewing, the facts; `exc_info` where there is a traceback."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, "request", "facts"],  # Django hands its whole request along
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(getattr(record, "facts", {}))


def _quoted(fact: object) -> str:
    """As it is where it is one plain word; else as a JSON string: nobody's name may look like another fact or line."""
    text = str(fact)
    return text if PLAIN_WORD.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
