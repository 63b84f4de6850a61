"""What anybody can provoke by a request is no alarm: a warning in one line, and no traceback."""

import logging


class RefusalFilter(logging.Filter):
    """For Django's records of answers 400 to 499: a foreign `Host`, a missing permission, a malformed form.

    Of a handler, as records of all loggers pass there.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.") and 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True
