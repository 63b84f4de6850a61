"""The cameras page."""

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
    allowed = may_watch(request.user)
    context = {
        "cameras": Camera.objects.all() if allowed else Camera.objects.none(),
        "limit": settings.STREAM_MAX_CONCURRENT,
        "can_manage": request.user.is_staff and request.user.has_perm("cameras.add_camera"),
        "may_watch": allowed,
    }
    return render(request, "cameras/list.html", context)
