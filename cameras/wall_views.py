"""The pages of walls, which show cameras live in a grid: one of all cameras, saved walls, and the page that opens a
wall on a display, a screen without a log-in.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cameras import displays, walls
from cameras.models import CameraGroup, DisplayToken, Wall
from cameras.permissions import User, may_watch, visible_to

VERSION = "X-Wall-Version"
PAGE_SIZES, CYCLES = (1, 4, 6, 9, 12, 16, 25, 36, 49, 64), (10, 20, 30, 60, 120, 300)  # that the page offers


@never_cache
@login_required
def wall(request: HttpRequest) -> HttpResponse:
    """Show a grid of all cameras that the user can watch now (enabled, with an address), or with `?group=<id>`, of
    those in a camera group. 404: the group has no camera that the user may watch. Needs a log-in. Users who may not
    watch cameras get a page without any.
    """
    group, context = _filtered(request, visible_to(request.user))
    common = _common(request, None)
    context["places"] = common["choices"] if group is None else walls.all_places(request.user, group)
    return render(request, "cameras/wall.html", {**context, **common})


@never_cache
def saved_wall(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a saved wall (a grid of live cameras) to users, and to its displays, which are screens without a log-in.
    Displays, and users with `?kiosk=1`, see nothing but the pictures. With `?group=<id>`, other users see only
    tiles of that camera group.

    404: there is no such wall, or the user or display may not open it. 404 also: the group has none of its cameras
    that the user may watch. 403: the display's token is unknown or has ended. With a log-in, the token is ignored.
    A request without both is redirected to the log-in.
    """
    display = None
    if not request.user.is_authenticated:
        text = request.COOKIES.get(displays.COOKIE, "")
        if not text:
            return redirect_to_login(request.get_full_path())
        display = displays.display_of(text)
        if display is None:
            return _ended(request, displays.find_token(text))
        if display.token.wall.slug != slug:
            raise Http404
    found = display.token.wall if display else get_object_or_404(walls.open_to(request.user), slug=slug)
    if display is not None or request.GET.get("kiosk") == "1":
        return _kiosk(request, found, display or request.user)
    group, context = _filtered(
        request, visible_to(request.user).filter(pk__in=[tile["camera"] for tile in found.tiles])
    )
    may_change = walls.may_change(request.user, found) and group is None
    context |= {"wall": found, "places": walls.places_of(found, request.user, group), "may_change": may_change}
    return render(request, "cameras/wall.html", {**context, **_common(request, found)})


@never_cache
@require_http_methods(["GET", "POST"])
def display(request: HttpRequest) -> HttpResponse:
    """Open the link of a display, a screen that shows a wall without a log-in. The secret token is behind the `#` of
    the link, so that no log has it. The page sends the token by POST; the answer stores it in a cookie and redirects to
    the wall, also if the token has ended: then the wall's page says so. 403: the token is unknown, or was deleted.
    """
    if request.method != "POST":
        return render(request, "cameras/display.html")
    text = request.POST.get("token", "")
    token = displays.find_token(text)
    if token is None:
        return render(request, "cameras/display.html", {"unknown": True}, status=403)
    response = redirect(f"{reverse('saved-wall', args=[token.wall.slug])}?kiosk=1")
    _keep(response, text)  # also one that has ended: the page says so, and the display comes back when it is renewed
    return response


def _kiosk(request: HttpRequest, found: Wall, watcher: User) -> HttpResponse:
    places = walls.places_of(found, watcher)
    version = walls.version_of(found, places)
    response = render(request, "cameras/kiosk.html", {"wall": found, "places": places, "version": version})
    response[VERSION] = version
    if isinstance(watcher, displays.Display):
        _keep(response, request.COOKIES[displays.COOKIE])
    return response


def _keep(response: HttpResponse, token: str) -> None:
    response.set_cookie(
        displays.COOKIE,
        token,
        max_age=displays.COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _ended(request: HttpRequest, token: DisplayToken | None) -> HttpResponse:
    """Returns a page for a display (a screen without a log-in) whose token does not work any more: it tells who can
    renew it. `token` None: the display or its wall was deleted.
    """
    return render(request, "cameras/display_ended.html", {"token": token}, status=403)


def _filtered(request: HttpRequest, cameras: Any) -> tuple[CameraGroup | None, dict[str, Any]]:
    """Returns the camera group that `?group=<id>` names, or None without it. Also returns a template context with this
    group and all groups to choose from, those with any of `cameras`. Raises Http404 for a group without any.
    """
    groups = walls.groups_of(cameras)
    wanted = request.GET.get("group", "")
    if wanted and not wanted.isdecimal():
        raise Http404
    group = get_object_or_404(groups, pk=wanted) if wanted else None
    return group, {"groups": groups, "group": group}


def _common(request: HttpRequest, shown: Wall | None) -> dict[str, Any]:
    """Returns the template context that all pages of walls have, except those with pictures only. `shown`: the saved
    wall, or None on the page of all cameras.
    """
    user, present = request.user, shown or Wall()
    return {
        "walls": walls.open_to(user),
        "choices": walls.all_places(user),
        "can_manage": user.is_staff and user.has_perm("cameras.add_camera"),
        "may_watch": may_watch(user),
        "page_sizes": sorted({*PAGE_SIZES, present.per_page} - {0}),
        "cycles": sorted({*CYCLES, present.cycle_seconds} - {0}),
    }
