"""The Django admin page *Import cameras*: first shows what a file would change, then imports it.

Between the two steps the browser keeps the file, in a hidden field of the form. It is encrypted, because it contains
passwords. The server keeps nothing, so any worker process can do the second step.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache

from cameras import encryption, imports
from cameras.models import Camera
from cameras.sources import CameraSource
from cameras.spreadsheets import COLUMNS

SECONDS = 3600  # from the check to the import
MARK = "checked file\n"  # begins the encrypted text, so that no stored password is taken for one
EXPIRED = "The check of the file is too old. Choose the file again."


class FileForm(forms.Form):
    """Needs `checked`, the encrypted file of a check in the last hour, or else `file`, an uploaded file to check. If
    valid, `cleaned_data` has its `name` and `data` (bytes).
    """

    file = forms.FileField(required=False)
    checked = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("checked"):
            text = encryption.decrypt_fresh(cleaned["checked"], SECONDS) or ""
            if not text.startswith(MARK):
                raise forms.ValidationError(EXPIRED)
            cleaned["name"], _, content = text.removeprefix(MARK).partition("\n")
            cleaned["data"] = content.encode()
        elif (file := cleaned.get("file")) is None:
            self.add_error("file", "Choose a file.")
        elif file.size > imports.MAX_BYTES:
            self.add_error("file", f"A file can have at most {imports.MAX_BYTES:,} bytes.")
        else:
            cleaned["name"], cleaned["data"] = file.name, file.read()
        return cleaned


@never_cache
def page(request: HttpRequest, model_admin: "ModelAdmin[Camera]") -> HttpResponse:
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    plan = None
    if form.is_valid():
        is_import = bool(form.cleaned_data["checked"])
        try:
            plan = imports.import_file(
                form.cleaned_data["data"],
                form.cleaned_data["name"],
                model_admin.get_queryset(request),
                dry_run=not is_import,
                may_change=model_admin.has_change_permission(request),
                user=request.user,  # type: ignore[arg-type]
            )
        except imports.ImportFileError as error:
            form.add_error(None, str(error))
        else:
            if is_import:
                return _done(request, plan, model_admin.has_view_permission(request))
    return TemplateResponse(request, "admin/cameras/camera/import.html", _context(request, model_admin, form, plan))


def _done(request: HttpRequest, plan: imports.Plan, may_view: bool) -> HttpResponse:
    for flag, cameras in ((ADDITION, plan.created), (CHANGE, plan.changed)):
        if cameras:
            LogEntry.objects.log_actions(request.user.pk, cameras, flag, "By an import.")  # type: ignore[arg-type]
    messages.success(request, f"Imported: {plan}.")
    return redirect(f"admin:cameras_camera_{'changelist' if may_view else 'import'}")


def _context(
    request: HttpRequest, model_admin: "ModelAdmin[Camera]", form: FileForm, plan: imports.Plan | None
) -> dict[str, Any]:
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "opts": Camera._meta,
        "title": "Import cameras",
        "form": form,
        "columns": COLUMNS,
    }
    if plan is not None:
        context |= shown(plan, form.cleaned_data["name"], form.cleaned_data["data"])
    return context


def shown(plan: imports.Plan, name: str, data: bytes) -> dict[str, Any]:
    """Returns the context of the template plan.html: what the import of a file would change, and the file itself,
    encrypted, which the browser sends back to import it. `name` and `data` (UTF-8): of the file.
    """
    return {
        "plan": plan,
        "name": name,
        "checked": encryption.encrypt(f"{MARK}{name}\n{data.decode()}"),
        "parts": [
            ("To be added", [_described(camera, plan) for camera in plan.created]),
            ("To be changed", [_described(camera, plan) for camera in plan.changed]),
        ],
        "count": len(plan.created) + len(plan.changed),
    }


def _described(camera: Camera, plan: imports.Plan) -> dict[str, Any]:
    """Returns the row of a camera on the page: name, address, substream ("" without one), username, has_password,
    enabled, and from `plan` changes (labels of fields) and note. It has neither the password nor the query of an
    address, which may contain one.
    """
    substream = camera.substream_url
    return {
        "name": camera.name,
        "address": str(CameraSource(camera.stream_url)),
        "substream": str(CameraSource(substream)) if substream else "",
        "username": camera.username,
        "has_password": camera.has_password,
        "enabled": camera.enabled,
        "changes": ", ".join(plan.changes.get(camera.name, ())),
        "note": plan.notes.get(camera.name, ""),
    }
