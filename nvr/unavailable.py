"""Answers requests with 503 after an OperationalError or InterfaceError of the database. Makes no query for that."""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import server_error

from cameras.problems import Problem

logger = logging.getLogger(__name__)

MESSAGE = "The database does not answer right now. Please try again in a moment."
RETRY_AFTER = 5  # seconds


class DatabaseUnavailableMiddleware(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        logger.error("The database does not answer: %s", str(exception).splitlines()[0])
        return _unavailable(request)


def handler500(request: HttpRequest) -> HttpResponse:
    """Django's handler for an exception that no middleware has handled, such as one from saving the session. Answers
    503 if the database does not answer, else Django's page for 500.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _unavailable(request)
    return server_error(request)


def _unavailable(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse
    if request.path.startswith("/api/"):
        answer = Problem(503, MESSAGE, "database_unavailable").response()
    else:
        answer = HttpResponse(render_to_string("503.html", {"message": MESSAGE}), status=503)
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer
