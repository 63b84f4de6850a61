"""The order of applications and models in Django's administration: those of the product first, then Django's and those
of other packages.
"""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

APPS = ("streaming", "cameras", "auth")  # the others follow by name
FIRST = ("System", "Camera")  # the models that come first in their application


class Site(AdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_app_list(request, app_label)
        for app in found:
            app["models"].sort(key=lambda model: model["object_name"] not in FIRST)
        return sorted(found, key=lambda app: APPS.index(app["app_label"]) if app["app_label"] in APPS else len(APPS))
