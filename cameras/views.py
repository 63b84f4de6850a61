"""The page that shows cameras as cards. wall_views.py has the walls."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from cameras import cards
from cameras.permissions import may_watch, sees_all, visible_to


@never_cache
@login_required
def camera_list(request: HttpRequest) -> HttpResponse:
    context = _context(request)
    cameras = cards.in_own_order(request.user, context["cameras"])
    groups = cards.groups_of(cameras)
    more = {"cameras": cameras, "groups": groups, "limit": settings.STREAM_MAX_CONCURRENT}
    return render(request, "cameras/list.html", {**context, **more})


@never_cache
@login_required
@require_POST
def card_order(request: HttpRequest) -> HttpResponse:
    """Save the user's own order of the cards. 400 with the field and the reason: nothing has changed."""
    if not may_watch(request.user):
        raise PermissionDenied
    try:
        cards.save_order(cast(User, request.user), request.POST.get("cameras", ""), _context(request)["cameras"])
    except ValidationError as error:
        return JsonResponse({"errors": error.message_dict}, status=400)
    return JsonResponse({})


def _context(request: HttpRequest) -> dict[str, Any]:
    visible = visible_to(request.user)
    return {
        "cameras": visible.only("name", "stream_url", "enabled"),  # a password would be decrypted for each camera
        "needs_grant": lambda: not sees_all(request.user),
        "can_manage": request.user.is_staff and request.user.has_perm("cameras.add_camera"),
        "may_watch": may_watch(request.user),
    }
