"""The operator's editing of cameras. *Test connection* is the streaming application's, reached by its URL's name."""

from django.contrib import admin

from cameras.forms import CameraForm
from cameras.models import Camera


@admin.register(Camera)
class CameraAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CameraForm
    change_form_template = "admin/cameras/camera/change_form.html"
    list_display = ("name", "address", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "stream_url")
    fields = ("name", "stream_url", "username", "password", "forget_password", "enabled")

    @admin.display(description="address", ordering="stream_url")
    def address(self, camera: Camera) -> str:
        return camera.stream_url.partition("?")[0] or "none"
