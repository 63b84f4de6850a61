"""Makes the JSON endpoints of the page *Settings > System*.

The views check permissions only: to see the page, and for changes another. `streaming/admin.py` admits staff only, by
`admin_view`. Errors are `{"errors": {field: [text]}}`, where the field `__all__` stands for the whole request.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from streaming.errors import GateUnavailableError

VIEW, STOP, CHANGE = "streaming.view_system", "streaming.stop_stream", "streaming.change_limits"

Answer = Callable[[HttpRequest], dict[str, Any]]
View = Callable[[HttpRequest], HttpResponse]


def endpoint(
    *, get: Answer | None = None, post: Answer | None = None, permission: str = "", closed: bool = False
) -> View:
    """Returns a view that answers GET with the JSON of `get` and POST with that of `post`; None: not allowed (405).

    The user must be allowed to see *Settings > System*. POST, and GET if `closed`, need `permission` as well, which
    must not be "" then. The view raises PermissionDenied for other users. The caller checks that the user is staff.
    If `get` or `post` raises ValidationError (with messages by field), the status is 400; Http404: 404;
    GateUnavailableError: 503.
    """
    answers = {method: answer for method, answer in (("GET", get), ("POST", post)) if answer is not None}

    @never_cache
    @require_http_methods(list(answers))
    def view(request: HttpRequest) -> HttpResponse:
        needed = [VIEW] if request.method == "GET" and not closed else [VIEW, permission]
        if not request.user.has_perms(needed):
            raise PermissionDenied
        try:
            return JsonResponse(answers[str(request.method)](request))
        except ValidationError as error:
            return JsonResponse({"errors": error.message_dict}, status=400)
        except Http404 as error:
            return JsonResponse({"errors": {NON_FIELD_ERRORS: [str(error)]}}, status=404)
        except GateUnavailableError as error:
            return JsonResponse({"errors": {NON_FIELD_ERRORS: [str(error)]}}, status=503)

    return view


def cleaned(form: forms.Form) -> dict[str, Any]:
    """Returns the data of `form`. Raises ValidationError with the errors of each field if it is invalid."""
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    return form.cleaned_data
