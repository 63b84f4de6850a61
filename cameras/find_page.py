"""The Django admin page *Find cameras*: searches the local networks for ONVIF devices, and shows which cameras an
import would add.

The page works without the packages of requirements-onvif.lock: then it says what to install.
"""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from cameras import import_page, imports
from cameras.models import Camera
from cameras.texts import check_line

INSTALL = "pip install --require-hashes -r requirements-onvif.lock"
FILE = "found.csv"
BUSY = "A search is running already. Try again in half a minute."

_searching = threading.Lock()  # one search at a time in a worker


class FindForm(forms.Form):
    username = forms.CharField(label="User name", max_length=150, required=False)
    password = forms.CharField(
        max_length=150, required=False, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    address = forms.CharField(
        label="Only this address",
        max_length=300,
        required=False,
        help_text="host or host:port. For a camera that the search does not reach.",
    )

    def clean_username(self) -> str:
        try:
            return check_line(self.cleaned_data["username"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_address(self) -> tuple[str, int] | None:
        """Returns host and port (by default 80) of the only device to ask. None: nothing was entered, so search the
        local networks.
        """
        if not (text := self.cleaned_data["address"]):
            return None
        try:
            parts = urlsplit(f"//{text}")
            if parts.hostname and parts.netloc == text and not set(text) & set("@% \\"):
                return parts.hostname, 80 if parts.port is None else parts.port
        except ValueError:
            pass
        raise ValidationError("Enter a host, or host:port, such as 192.168.1.20:8080.")


@never_cache
@sensitive_post_parameters("password")
def page(
    request: HttpRequest, model_admin: "ModelAdmin[Camera]", search: Callable[[], Any] | None = None
) -> HttpResponse:
    """Show the form, and after a valid POST the found cameras, with a button to import them. Blocks for up to about 30
    seconds. Shows an error while another search runs in this process. Raises PermissionDenied if the user may not add
    cameras. `search`: returns the devices to ask (a list of `onvif_search.Answer`), instead of a search of the local
    networks. It is not called if the form has an address.
    """
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = FindForm(request.POST) if request.method == "POST" else FindForm()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": Camera._meta,
        "title": "Find cameras",
        "form": form,
        "install": "" if find_spec("onvif") and find_spec("lxml") else INSTALL,
    }
    if not context["install"] and form.is_valid():
        if _searching.acquire(blocking=False):
            try:
                context |= _found(form.cleaned_data, model_admin.get_queryset(request), search)
            finally:
                _searching.release()
        else:
            form.add_error(None, BUSY)
    return TemplateResponse(request, "admin/cameras/camera/find.html", context)


def _found(entered: dict[str, Any], cameras: Any, search: Callable[[], Any] | None) -> dict[str, Any]:
    from cameras import found, onvif_search

    address = entered["address"]
    findings = found.find(
        (lambda: found.at(*address)) if address else search or onvif_search.search,
        entered["username"],
        entered["password"],
        cameras,
    )
    plan = imports.import_file(findings.data, FILE, cameras, dry_run=True)
    plan.refused += findings.refused
    plan.notes |= findings.notes
    return {
        **import_page.shown(plan, FILE, findings.data),
        "found": True,
        "answers": findings.answers,
        "searched": not address,
    }
