"""The Django admin pages of cameras, camera groups and API tokens.

The app `streaming` replaces `CameraAdmin` by a subclass with columns for health (`health/admin.py`), and serves *Test
connection*, a button on the page of a camera.
"""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import Count, DateTimeField, ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from cameras import find_page, grants, import_page, tokens, wall_admin  # noqa: F401 - registers its pages
from cameras.forms import MOVED, LabeledDateTime, PastedCameraForm
from cameras.grant_forms import CameraAccessForm
from cameras.grants_admin import GrantedAdmin, telling_who_sees
from cameras.makers import MAKERS
from cameras.models import ApiToken, Camera, CameraGroup
from cameras.permissions import may_grant
from cameras.sources import CameraSource


@admin.register(Camera)
class CameraAdmin(GrantedAdmin):
    form = PastedCameraForm
    change_form_template = "admin/cameras/camera/change_form.html"
    list_display: tuple[Any, ...] = ("name", "address", "enabled")
    list_filter: ClassVar[tuple[Any, ...]] = ("enabled",)
    search_fields = ("name", "stream_url", "substream_url")

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(f"{name}/", self.admin_site.admin_view(view), {"model_admin": self}, name=f"cameras_camera_{name}")
            for name, view in (("import", import_page.page), ("find", find_page.page))
        ]
        return [*pages, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Camera]:
        return super().get_queryset(request).visible_to(request.user)  # type: ignore[attr-defined, no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        forget = ["forget_password"] if obj is not None and obj.has_password else []
        fields = ["name", "stream_url", "substream_url", "username", "password", *forget, "enabled"]
        access = {"fields": ["users", "groups"], "description": grants.explanation(), "classes": ["collapse"]}
        return [(None, {"fields": fields}), *([("Who may see it", access)] if self._may_grant(request, obj) else [])]

    def get_form(self, request: HttpRequest, obj: Camera | None = None, change: bool = False, **kwargs: Any) -> Any:
        if self._may_grant(request, obj):
            kwargs["form"] = CameraAccessForm
        return super().get_form(request, obj, change, **kwargs)

    def _may_grant(self, request: HttpRequest, obj: Camera | None) -> bool:
        changes = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return changes and may_grant(request.user)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if isinstance(form, CameraAccessForm):
            with telling_who_sees(request):
                grants.set_holders(form.instance, form.holders())
        elif not change:
            grants.keep_visible(request.user, [form.instance])  # type: ignore[arg-type]

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


@admin.register(CameraGroup)
class CameraGroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "size")
    search_fields = ("name",)
    filter_horizontal = ("cameras",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CameraGroup]:
        groups: QuerySet[CameraGroup] = super().get_queryset(request)
        return groups.annotate(size=Count("cameras"))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Camera.objects.visible_to(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the group's cameras. The form lacks cameras that are hidden from the user; they stay in the group."""
        hidden = list(form.instance.cameras.exclude(pk__in=Camera.objects.visible_to(request.user)))
        super().save_related(request, form, formsets, change)
        form.instance.cameras.add(*hidden)

    @admin.display(description="cameras", ordering="size")
    def size(self, group: Any) -> int:
        return int(group.size)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Users create and see only their own tokens; a superuser, those of all users. A token acts as its user, so a user
    who could create tokens for others would have their permissions.
    """

    list_display = ("name", "prefix", "user", "created", "last_used", "expires")
    readonly_fields = ("prefix", "created", "last_used")
    formfield_overrides: ClassVar[Any] = {DateTimeField: {"widget": LabeledDateTime}}

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
