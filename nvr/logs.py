"""Shortens log records that any client can cause by a request: a warning in one line, without traceback."""

import logging


class RefusalFilter(logging.Filter):
    """Turns Django's records of responses 400 to 499 into warnings without traceback. Such responses are those to a
    foreign `Host`, a missing permission or a wrong form. Drops no record.

    It is a filter of a handler, because a handler gets the records of all loggers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.") and 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True
