"""The section *Settings > System* of Django's administration: its four pages, and the JSON endpoints that they call."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from streaming.gate import stop_orders
from streaming.limits import policy
from streaming.models import System
from streaming.web import endpoints, system_views

URL_NAME = "streaming_system_"
PAGES = {  # name -> label and path, beside the paths of the endpoints
    "changelist": ("Now", ""),
    "page_line": ("Line", "page/line/"),
    "page_limits": ("Limits", "page/limits/"),
    "page_history": ("History", "page/history/"),
}
BLOCKS = ((0, "Don't block"), (60, "1 minute"), (300, "5 minutes"), (3600, "1 hour"))  # seconds
FAREWELL = "An administrator stopped your stream to free bandwidth. Please try again later."
REMOVAL = "An administrator removed you from the waiting line. Please try again later."


@admin.register(System)
class SystemAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = ((name, route) for name, (_, route) in PAGES.items())
        return [
            *(path(route, view(self.system), {"page": name}, name=URL_NAME + name) for name, route in pages),
            *(path(f"{name}/", view(ask), name=URL_NAME + name) for name, ask in system_views.ENDPOINTS.items()),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def system(self, request: HttpRequest, page: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        label, _ = PAGES[page]
        context = {
            **self.admin_site.each_context(request),
            "title": "System",
            "subtitle": label,
            "page": label.lower(),
            "parts": f"admin/settings/_{label.lower()}.html",
            "pages": [(label, reverse(f"admin:{URL_NAME}{name}"), name == page) for name, (label, _) in PAGES.items()],
            "usage": system_views.system_usage(request),
            "limits": system_views.limits(request),
            "urls": {name: reverse(f"admin:{URL_NAME}{name}") for name in system_views.ENDPOINTS},
            "fields": [(name, label, _kind(name)) for name, label in policy.LABELS.items()],
            "may_stop": request.user.has_perm(endpoints.STOP),
            "may_change": request.user.has_perm(endpoints.CHANGE),
            "blocks": BLOCKS,
            "farewell": FAREWELL,
            "removal": REMOVAL,
            "most_characters": stop_orders.MESSAGE,
        }
        return TemplateResponse(request, "admin/settings/system.html", context)


def _kind(name: str) -> str:
    """Returns what a form's field for the limit `name` takes: "whole" (a whole number), "fraction" (any number), or ""
    (the group that has reserved slots).
    """
    number = policy.NUMBERS.get(name)
    return "" if number is None else "fraction" if number.fraction else "whole"
