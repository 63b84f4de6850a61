"""The pages that show cameras: as cards, and as a wall."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from cameras.models import Camera
from cameras.permissions import may_watch, sees_all


@never_cache
@login_required
def camera_list(request: HttpRequest) -> HttpResponse:
    return render(request, "cameras/list.html", {**_context(request), "limit": settings.STREAM_MAX_CONCURRENT})


@never_cache
@login_required
def wall(request: HttpRequest) -> HttpResponse:
    context = _context(request)
    watchable = context["cameras"].filter(enabled=True).exclude(stream_url="")
    return render(request, "cameras/wall.html", {**context, "cameras": watchable})


def _context(request: HttpRequest) -> dict[str, Any]:
    allowed = may_watch(request.user)
    visible = Camera.objects.visible_to(request.user) if allowed else Camera.objects.none()
    return {
        "cameras": visible.only("name", "stream_url", "enabled"),  # a password would be decrypted for each camera
        "needs_grant": lambda: not sees_all(request.user),
        "can_manage": request.user.is_staff and request.user.has_perm("cameras.add_camera"),
        "may_watch": allowed,
    }
