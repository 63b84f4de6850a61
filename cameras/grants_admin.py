"""The Django admin pages of camera grants: which cameras one user or one group may see.

The page of a camera (`cameras/admin.py`) changes the same grants. Grants are deleted with their camera, user or group.
The page that asks whether to delete these warns if the last grant goes: without any, all users see all cameras.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse

from cameras import grants
from cameras.grant_forms import HolderForm
from cameras.models import Camera, CameraGrant, GroupCameras, UserCameras
from cameras.permissions import may_grant, may_watch, sees_all

BEGUN = "Grants are in force now: users see only cameras that are granted to them or to a group of theirs."
ENDS = "This deletes the last grant: all users with the permission to watch will see all cameras."
ENDED = "No grant is left: all users with the permission to watch see all cameras now."


@contextlib.contextmanager
def telling_who_sees(request: HttpRequest) -> Iterator[None]:
    """Show the administrator a message if the `with` block creates the first camera grant or deletes the last one.
    Without any grant, users see all cameras; with one, only cameras that are granted to them.
    """
    before = grants.are_in_force()
    yield
    if grants.are_in_force() != before:
        messages.warning(request, ENDED if before else BEGUN)


class GrantedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base of the pages of cameras, users and groups. Deleting one deletes its camera grants. The pages warn before and
    after the last grant is deleted, because users see all cameras then.
    """

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Returns what Django would delete. Also warns, on the page that asks whether to delete, if the last camera
        grant is among it.
        """
        found = super().get_deleted_objects(objs, request)
        lost = found[1].get(str(CameraGrant._meta.verbose_name_plural), 0)
        if lost and lost == CameraGrant.objects.count() and not request.POST.get("post"):
            messages.warning(request, ENDS)
        return found

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with telling_who_sees(request):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        with telling_who_sees(request):
            super().delete_queryset(request, queryset)


admin.site.unregister((User, Group))


@admin.register(User)
class PeopleAdmin(GrantedAdmin, UserAdmin):  # type: ignore[type-arg]
    """Django's page of users, with a warning if the deletion of users deletes the last of all camera grants."""


@admin.register(Group)
class PeopleGroupAdmin(GrantedAdmin, GroupAdmin):
    """Django's page of groups, with a warning if the deletion of groups deletes the last of all camera grants."""


class HolderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base of the pages *Users' cameras* and *Groups' cameras*: a form with the cameras that are granted to one user or
    group. Nothing else of these is changed here.
    """

    form = HolderForm
    change_list_template = "admin/cameras/grants_list.html"
    list_per_page = 100

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_grant(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_grant(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_grant(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).annotate(granted=Count("camera_grants", distinct=True))
        return rows

    @admin.display(description="cameras granted", ordering="granted")
    def granted(self, holder: Any) -> int:
        return int(holder.granted)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": self._title(), "explanation": grants.explanation(), **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(request, object_id, form_url, {"title": self._title(), **(extra_context or {})})

    def _title(self) -> str:
        return str(self.opts.verbose_name_plural).capitalize()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("cameras", *self.get_readonly_fields(request, obj))
        return [(None, {"fields": fields, "description": grants.explanation()})]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: this page changes nothing of the user or group itself. `save_related` stores the grants."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        with telling_who_sees(request):
            grants.set_cameras(form.instance, form.cleaned_data["cameras"])


@admin.register(UserCameras)
class UserCamerasAdmin(HolderAdmin):
    list_display = ("username", "granted", "through_groups")
    search_fields = ("username", "first_name", "last_name", "email")
    list_filter = ("is_active", "groups")
    ordering = ("username",)
    readonly_fields = ("sees",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        with_grants = Group.objects.filter(camera_grants__isnull=False).distinct()
        return super().get_queryset(request).prefetch_related(Prefetch("groups", with_grants, to_attr="granting"))

    @admin.display(description="groups with grants")
    def through_groups(self, user: Any) -> str:
        return ", ".join(group.name for group in user.granting) or "-"

    @admin.display(description="Sees now")
    def sees(self, user: UserCameras) -> str:
        """Returns a text that tells how many cameras the user sees now, by their permissions and by all grants, those
        of their groups too.
        """
        if not may_watch(user):
            return "No camera: the user has no permission to watch, or is not active."
        if sees_all(user):
            return "All cameras."
        return f"{Camera.objects.visible_to(user).count()} of {Camera.objects.count()} cameras, with those of groups."


@admin.register(GroupCameras)
class GroupCamerasAdmin(HolderAdmin):
    list_display = ("name", "granted", "members")
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).annotate(members=Count("user", distinct=True))
        return rows

    @admin.display(ordering="members")
    def members(self, group: Any) -> int:
        return int(group.members)
