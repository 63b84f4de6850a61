"""The health of cameras in the database: whether each could be read, when, and if not, why. Its queries block."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from cameras.models import Camera
from streaming.ingest.condition import Problem, VideoFacts
from streaming.models import CameraHealth

HOURS = 24  # of which reconnections are counted

State = CameraHealth.State

CAN_BE_READ = Q(enabled=True) & ~Q(stream_url="")
HAS_PROBLEM = Q(enabled=True, health__isnull=False) & ~Q(health__state=State.REACHABLE)


@dataclass(frozen=True)
class Sight:
    """The result of reading a camera, or of trying to, at one moment at one worker."""

    at: datetime
    problem: Problem | None = None  # None: it sends pictures
    reason: str = ""  # of the problem, for administrators
    facts: VideoFacts | None = None  # of its video; None: it has a problem
    measured: bool = False  # the frame rate was measured, not announced

    @property
    def news(self) -> tuple[object, ...]:
        """The values to compare with the last written result: if they are equal, no new one is written for a minute.

        They leave out the time, and the frame rate, which always changes a little.
        """
        facts = self.facts
        video = (facts.codec, facts.width, facts.height) if facts else None
        return self.problem, self.reason, video, self.measured


def store(sights: Mapping[str, Sight], reconnections: Mapping[tuple[str, int], int]) -> None:
    """Store the newest result of reading each camera, unless a newer one is stored. `sights`: camera id -> result.

    `reconnections`: (camera id, Unix time / 3600) -> how often the camera was lost in this hour, to be added. Ignores
    deleted cameras. Raises django.db.Error if the database fails.
    """
    ids = {UUID(camera) for camera in (*sights, *(camera for camera, _ in reconnections))}
    with transaction.atomic():
        ids &= set(Camera.objects.filter(pk__in=ids).values_list("pk", flat=True))  # some may be deleted
        rows = CameraHealth.objects.select_for_update().in_bulk(list(ids))
        for camera, sight in sights.items():
            if UUID(camera) in ids:
                _apply(rows.setdefault(UUID(camera), CameraHealth(camera_id=camera)), sight)
        for (camera, hour), count in reconnections.items():
            if (row := rows.get(UUID(camera))) is not None:
                row.reconnections[str(hour)] = row.reconnections.get(str(hour), 0) + count
        for row in rows.values():
            row.reconnections = {
                hour: count for hour, count in row.reconnections.items() if int(hour) >= _oldest_hour()
            }
        columns = [field.name for field in CameraHealth._meta.concrete_fields if not field.primary_key]
        CameraHealth.objects.bulk_create(
            rows.values(), update_conflicts=True, unique_fields=["camera"], update_fields=columns
        )


def _apply(row: CameraHealth, sight: Sight) -> None:
    if row.seen_at is not None and row.seen_at > sight.at:
        return  # another worker has seen it since
    state = State(sight.problem.value) if sight.problem else State.REACHABLE
    if row.state != state:
        row.state, row.since = state, sight.at
    row.reason, row.seen_at = sight.reason[:200], sight.at
    if sight.problem is None:
        row.picture_at = sight.at
    if (facts := sight.facts) is not None:
        row.codec, row.width, row.height = facts.codec[:20], facts.width, facts.height
        row.frames_per_second = round(facts.frames_per_second, 1)


def _oldest_hour() -> int:
    return int(time.time() // 3600) - HOURS + 1


def reconnections_in_a_day(row: CameraHealth) -> int:
    """Returns how often the camera's connection was lost in the current hour and the 23 hours before."""
    return sum(count for hour, count in row.reconnections.items() if int(hour) >= _oldest_hour())


def due(minutes: float, most: int) -> list[Camera]:
    """Returns at most `most` enabled cameras that have an address. No worker has read the main stream of any of
    them, or tried to, in the last `minutes`.

    Those that were never tried, or not since their settings changed, are always due, and come first.
    """
    before = timezone.now() - timedelta(minutes=minutes)
    is_due = Q(health=None) | Q(health__seen_at=None) | Q(health__seen_at__lte=before)
    return list(Camera.objects.filter(CAN_BE_READ, is_due).order_by(F("health__seen_at").asc(nulls_first=True))[:most])


def check_again(cameras: list[UUID]) -> None:
    """Let the checks in the background open these cameras (ids) next, because their settings have changed."""
    CameraHealth.objects.filter(camera__in=cameras).update(seen_at=None)
