"""The page with a card for each camera, and the saving of each user's card order. wall_views.py has the walls."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from cameras import cards, demonstration
from cameras.permissions import may_watch, sees_all, visible_to


@never_cache
@login_required
def camera_list(request: HttpRequest) -> HttpResponse:
    # Without `only`, each password would be decrypted.
    visible = visible_to(request.user).only("name", "stream_url", "substream_url", "enabled")
    cameras = cards.in_own_order(request.user, visible)
    context = {
        "cameras": cameras,
        "groups": cards.groups_of(cameras),
        "simulated": demonstration.shows_simulated(cameras),
        "may_watch": may_watch(request.user),
        "needs_grant": lambda: not sees_all(request.user),
        "can_manage": request.user.is_staff and request.user.has_perm("cameras.add_camera"),
    }
    return render(request, "cameras/list.html", context)


@never_cache
@login_required
@require_POST
def card_order(request: HttpRequest) -> HttpResponse:
    """Save the user's own order of the camera cards, from the form field `cameras`: ids with commas between them.
    An empty or missing field restores the order by name. Ids of cameras that the user may not see are left out.
    Answers 200 with {}. 400, with the reason: the field is invalid, and nothing has changed. 403: the user may not
    watch cameras. A request without a log-in is redirected to the log-in.
    """
    if not may_watch(request.user):
        raise PermissionDenied
    try:
        cards.save_order(cast(User, request.user), request.POST.get("cameras", ""), visible_to(request.user).only("pk"))
    except ValidationError as error:
        return JsonResponse({"errors": error.message_dict}, status=400)
    return JsonResponse({})
