"""Settings > System in the administration: current usage, for staff with the permission to view it."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from streaming import runtime
from streaming.models import System


@admin.register(System)
class SystemAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.system), name="streaming_system_changelist"),
            path("usage/", view(self.usage), name="streaming_system_usage"),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def system(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "System",
            "usage": self._usage(request),
            "usage_url": reverse("admin:streaming_system_usage"),
        }
        return TemplateResponse(request, "admin/settings/system.html", context)

    def usage(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(self._usage(request))

    def _usage(self, request: HttpRequest) -> dict[str, object]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return async_to_sync(_system_usage)()


async def _system_usage() -> dict[str, object]:
    return await runtime.current().usage.system()
