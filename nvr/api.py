"""The JSON API at /api/v1/: its operations, access to its description, and one shape for its errors."""

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

from cameras.api import router as cameras
from cameras.api_auth import Bearer, requires
from cameras.problems import Problem, invalid, invalid_values
from cameras.wall_api import router as walls
from streaming.errors import StreamError
from streaming.web.api import router as streaming
from streaming.web.line_api import router as line
from streaming.web.views import HTTP_STATUS

DESCRIPTION = """
Cameras, running streams and their limits, for programs. `docs/api.md` has examples.

**Access.** Send `Authorization: Bearer <token>`. Create a token in the administration under *Cameras > API tokens*. It is
shown once and has the permissions of its user. A camera that is hidden from the user is not there. The session of a log-in
works too, with Django's CSRF token.

**Errors** are `{"error": {"reason": "...", "message": "..."}}`. `reason` does not change. A 422 response lists the errors of
each field in `fields`. Times are ISO 8601 in UTC. Lists take `limit` and `offset` and return the `count` of all entries.

The live stream itself is a WebSocket: `docs/protocol.md`.
"""

View = Callable[..., Any]


def for_readers(view: View) -> View:
    """Wrap a view of the API's description (the OpenAPI document or its pages): only staff, and programs with a valid
    API token, may read it. Others get a JSON error (401 or 403). Visitors of the HTML page who are not logged in get
    the log-in page.
    """

    @functools.wraps(view, assigned=())
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            allowed_in = Bearer()(request) is not None or request.user.is_staff
        except Problem as problem:
            return problem.response()
        if allowed_in:
            return view(request, **kwargs)  # type: ignore[no-any-return]
        if request.user.is_authenticated:  # the log-in page would redirect back here
            return Problem(403, "This needs a staff account.").response()
        if request.path.endswith(str(api.docs_url)):
            return redirect_to_login(request.get_full_path())
        return Problem(401, "Please log in, or send a token.").response()

    return wrapped


class Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Returns the name of the view function. Generated clients name their functions after it."""
        return operation.view_func.__name__


api = Api(
    title="NVR live view",
    version="1.0.0",
    description=DESCRIPTION.strip(),
    urls_namespace="api",
    docs_decorator=for_readers,
    auth=requires(),
)
api.add_router("/cameras", cameras)
api.add_router("/walls", walls)
api.add_router("", streaming)
api.add_router("", line)


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
    """Answer an error that django-ninja itself has raised with a JSON error like the API's others. It raises them
    if the log-in is missing, the body is not JSON, or the CSRF token is missing or wrong.
    """
    message = "Please log in, or send a token." if error.status_code == 401 else f"{error.message.rstrip('.')}."
    return Problem(error.status_code, message).response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields: dict[str, list[str]] = {}
    for one in error.errors:
        # `loc` is the place (such as "body"), the argument's name, and its field if it has fields.
        _, *path = map(str, one["loc"])
        fields.setdefault(".".join(path[1:] or path), []).append(one["msg"])
    return invalid(fields).response()


@api.exception_handler(DjangoValidationError)
def _invalid_values(request: HttpRequest, error: DjangoValidationError) -> HttpResponse:
    return invalid_values(error).response()


@api.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return Problem(413, "The body is too large.").response()


# Paths.


def _in_shape(pattern: URLPattern) -> URLPattern:
    """Wrap the view of `pattern` and return `pattern`. A response 405 becomes a JSON error like the API's others, and
    no response may be cached. django-ninja has no hook for either.
    """
    view = pattern.callback

    def reshaped(response: HttpResponse) -> HttpResponse:
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response["Allow"]
            response = Problem(405, "This path does not support this method.").response()
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
def not_found(request: HttpRequest) -> HttpResponse:
    """Answer 404 with a JSON error, for the paths under /api/v1/ that no other view serves."""
    return Problem(404, "There is nothing at this path.").response()


_patterns, _app, _namespace = api.urls
urls = ([_in_shape(pattern) for pattern in _patterns if isinstance(pattern, URLPattern)], _app, _namespace)
