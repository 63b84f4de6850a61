"""The operator's editing of cameras. *Test connection* is the streaming application's, reached by its URL's name."""

from django.contrib import admin
from django.http import HttpRequest

from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.sources import CameraSource


@admin.register(Camera)
class CameraAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CameraForm
    change_form_template = "admin/cameras/camera/change_form.html"
    list_display = ("name", "address", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "stream_url")

    def get_fields(self, request: HttpRequest, obj: Camera | None = None) -> list[str]:  # type: ignore[override]
        forget = ["forget_password"] if obj is not None and obj.has_password else []
        return ["name", "stream_url", "username", "password", *forget, "enabled"]

    @admin.display(description="address", ordering="stream_url")
    def address(self, camera: Camera) -> str:
        return str(CameraSource(camera.stream_url)) or "none"
