"""Adds columns and a filter for the health of cameras (whether each can be read) to Django's list of cameras."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from cameras.admin import CameraAdmin
from cameras.models import Camera
from streaming.health.records import HAS_PROBLEM, reconnections_in_a_day
from streaming.models import CameraHealth

CODECS = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4"}
NOTHING = "none"
MINUTE = timedelta(minutes=1)
PROBLEM, NEVER = "problem", "never"


class HealthFilter(admin.SimpleListFilter):
    title, parameter_name = "health", "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(PROBLEM, "Has a problem"), *CameraHealth.State.choices, (NEVER, "Never tried")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Camera]") -> "QuerySet[Camera]":
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen == PROBLEM:
            return queryset.filter(HAS_PROBLEM)
        return queryset.filter(health=None) if chosen == NEVER else queryset.filter(health__state=chosen)


class CameraHealthAdmin(CameraAdmin):
    """The list of cameras in Django's administration, with columns for their health: whether each can be read.

    The columns show what the database has. The page opens no camera.
    """

    list_display: tuple[Any, ...] = (
        CameraAdmin.list_display[0],
        "state",
        *CameraAdmin.list_display[1:],
        "video",
        "last_picture",
        "reconnections",
        "checked",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (HealthFilter, *CameraAdmin.list_filter)
    list_select_related = ("health",)

    class Media:
        css = {"all": ["streaming/admin/cameras.css"]}

    @admin.display(description="state", ordering="health__state")
    def state(self, camera: Camera) -> str:
        row = _health_of(camera)
        if row is None:
            return "Never tried" if camera.stream_url else "No address"
        level = "ok" if row.state == CameraHealth.State.REACHABLE else "bad"
        words, since = row.get_state_display(), date(row.since, "Y-m-d H:i")
        return format_html(
            '<span class="health" data-level="{}" title="Since {} UTC">{}</span> <span class="health-reason">{}</span>',
            level,
            since,
            words,
            row.reason,
        )

    @admin.display(description="video", ordering="health__width")
    def video(self, camera: Camera) -> str:
        row = _health_of(camera)
        if row is None or not row.codec:
            return NOTHING
        rate = f", {row.frames_per_second:g} frames/s" if row.frames_per_second else ""
        return f"{CODECS.get(row.codec, row.codec)}, {row.width}x{row.height}{rate}"

    @admin.display(description="last picture", ordering="health__picture_at")
    def last_picture(self, camera: Camera) -> str:
        return _ago(row.picture_at if (row := _health_of(camera)) else None)

    @admin.display(description="reconnections in 24 h")
    def reconnections(self, camera: Camera) -> str:
        return str(reconnections_in_a_day(row)) if (row := _health_of(camera)) else NOTHING

    @admin.display(description="checked", ordering="health__seen_at")
    def checked(self, camera: Camera) -> str:
        if (row := _health_of(camera)) is not None and row.seen_at is None:
            return "is checked next"
        return _ago(row.seen_at if row else None)


def _health_of(camera: Camera) -> CameraHealth | None:
    return getattr(camera, "health", None)


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return NOTHING
    words = "just now" if timezone.now() - moment < MINUTE else f"{timesince(moment, depth=1)} ago"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', moment.isoformat(), date(moment, "Y-m-d H:i"), words
    )


admin.site.unregister(Camera)
admin.site.register(Camera, CameraHealthAdmin)
