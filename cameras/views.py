"""The page that shows cameras as cards. wall_views.py has the walls."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from cameras.models import Camera
from cameras.permissions import may_watch


@never_cache
@login_required
def camera_list(request: HttpRequest) -> HttpResponse:
    return render(request, "cameras/list.html", {**_context(request), "limit": settings.STREAM_MAX_CONCURRENT})


def _context(request: HttpRequest) -> dict[str, Any]:
    allowed = may_watch(request.user)
    return {
        "cameras": Camera.objects.all() if allowed else Camera.objects.none(),
        "can_manage": request.user.is_staff and request.user.has_perm("cameras.add_camera"),
        "may_watch": allowed,
    }
