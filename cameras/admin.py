"""Cameras and API tokens in the administration. The streaming application serves *Test connection*."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from cameras import import_page, tokens
from cameras.forms import MOVED, PastedCameraForm
from cameras.makers import MAKERS
from cameras.models import ApiToken, Camera
from cameras.sources import CameraSource


@admin.register(Camera)
class CameraAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = PastedCameraForm
    change_form_template = "admin/cameras/camera/change_form.html"
    list_display = ("name", "address", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "stream_url", "substream_url")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(import_page.page)
        return [path("import/", view, {"model_admin": self}, name="cameras_camera_import"), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Camera | None = None) -> list[str]:  # type: ignore[override]
        forget = ["forget_password"] if obj is not None and obj.has_password else []
        return ["name", "stream_url", "substream_url", "username", "password", *forget, "enabled"]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return super().render_change_form(request, {**context, "makers": MAKERS}, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Camera, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.pasted:
            self.message_user(request, MOVED)

    @admin.display(description="address", ordering="stream_url")
    def address(self, camera: Camera) -> str:
        return str(CameraSource(camera.stream_url)) or "none"


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Users create and see only their own tokens; a superuser, those of all users. A token acts as its user, so a user who
    could create tokens for others would have their permissions."""

    list_display = ("name", "prefix", "user", "created", "last_used", "expires")
    readonly_fields = ("prefix", "created", "last_used")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows = super().get_queryset(request).select_related("user")
        return rows if request.user.is_superuser else rows.filter(user=request.user.pk)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return ("name", "user", "expires", *(self.readonly_fields if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return ("user", *self.readonly_fields) if obj else self.readonly_fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk}

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if not request.user.is_superuser:
            kwargs["queryset"] = get_user_model()._default_manager.filter(pk=request.user.pk or 0)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        token = "" if change else tokens.fill(obj)
        super().save_model(request, obj, form, change)
        if token:
            self.message_user(request, f"Copy the token now. It is not shown again: {token}", messages.WARNING)
