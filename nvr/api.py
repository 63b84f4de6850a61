"""The JSON API at /api/v1/: what belongs to it, who reads its description, and its errors, all in one shape."""

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from cameras.access import Bearer, allowed
from cameras.api import router as cameras
from cameras.problems import Problem, invalid, invalid_values
from streaming.errors import StreamError
from streaming.web.api import router as streaming
from streaming.web.views import HTTP_STATUS

DESCRIPTION = """
Cameras, running streams and their limits, for programs. `docs/api.md` has examples.

**Who may.** `Authorization: Bearer <token>`; a token is made in the administration under *Cameras > API tokens*, is shown
once, and may do what its user may. A log-in's session does as well, with Django's CSRF token.

**Errors** are `{"error": {"reason": "...", "message": "..."}}`; `reason` is one word that stays. 422 says in `fields`
what is wrong where. Times are ISO 8601 in UTC. Lists take `limit` and `offset`, and tell the `count` of all.

The live stream itself is a WebSocket: `docs/protocol.md`.
"""

View = Callable[..., Any]


def for_readers(view: View) -> View:
    """The description and its pages are for the staff, and for every program that has a token."""

    @functools.wraps(view, assigned=())
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            welcome = Bearer()(request) is not None or request.user.is_staff
        except Problem as problem:
            return problem.response()
        if welcome:
            return view(request, **kwargs)  # type: ignore[no-any-return]
        if request.user.is_authenticated:  # not to the log-in, which would redirect back here
            return Problem(403, "This is for the staff.").response()
        if request.path.endswith(str(api.docs_url)):
            return redirect_to_login(request.get_full_path())
        return Problem(401, "Please log in, or send a token.").response()

    return wrapped


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the function: what a generated client calls it."""
        return operation.view_func.__name__


api = Api(
    title="NVR live view",
    version="1.0.0",
    description=DESCRIPTION.strip(),
    urls_namespace="api",
    docs_decorator=for_readers,
    auth=allowed(),
)
api.add_router("/cameras", cameras)
api.add_router("", streaming)


# Errors.


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


@api.exception_handler(StreamError)
def _stream_error(request: HttpRequest, error: StreamError) -> HttpResponse:
    status = next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)
    return Problem(status, str(error), error.reason).response()


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The library's own: no log-in, a body that is not JSON, a CSRF token that is missing."""
    message = "Please log in, or send a token." if error.status_code == 401 else f"{error.message.rstrip('.')}."
    return Problem(error.status_code, message).response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields: dict[str, list[str]] = {}
    for one in error.errors:
        # Where it was sent, the name of the argument, and the field in it; that alone for one that has no fields.
        _, *path = map(str, one["loc"])
        fields.setdefault(".".join(path[1:] or path), []).append(one["msg"])
    return invalid(fields).response()


@api.exception_handler(DjangoValidationError)
def _invalid_values(request: HttpRequest, error: DjangoValidationError) -> HttpResponse:
    return invalid_values(error).response()


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return Problem(413, "The body is too large.").response()


# Addresses.


def _in_shape(pattern: URLPattern) -> URLPattern:
    """The library refuses a method that an address does not have in plain text, and leaves no place to say otherwise, nor
    one to say that no answer may be stored."""
    view = pattern.callback

    def reshaped(response: HttpResponse) -> HttpResponse:
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response["Allow"]
            response = Problem(405, "This address does not have this method.").response()
            response["Allow"] = allowed
        add_never_cache_headers(response)
        return response

    @functools.wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return reshaped(view(request, **kwargs))

    @functools.wraps(view)
    async def wrapped_async(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return reshaped(await view(request, **kwargs))

    pattern.callback = wrapped_async if iscoroutinefunction(view) else wrapped
    return pattern


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """For all addresses under /api/v1/ that nothing else answers."""
    return Problem(404, "There is nothing at this address.").response()


_patterns, _app, _namespace = api.urls
urls = ([_in_shape(pattern) for pattern in _patterns if isinstance(pattern, URLPattern)], _app, _namespace)
