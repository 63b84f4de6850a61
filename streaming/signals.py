"""What ends or moves running streams: a camera changed, a person logged out. Hastens what each stream's recheck finds."""

import threading
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from cameras.models import Camera, cameras_changed
from streaming.limits import changes
from streaming.models import GroupLimit, UserLimit
from streaming.store import worker_events

BATCH = 500  # in one event
_changed = threading.local()  # kind ("cameras", "users", "sessions") -> keys that this thread's transaction has changed


def _recheck(kind: str, objects: Iterable[Any]) -> None:
    """Once it is stored: a worker that looked now would find what was there before."""
    vars(_changed).setdefault(kind, set()).update(str(one.pk) for one in objects)
    transaction.on_commit(lambda: _send(kind))


def _send(kind: str) -> None:
    """One event for thousands: the first callback of a transaction sends for all. What a transaction that failed has left
    goes with the next, and is looked at in vain."""
    keys = sorted(vars(_changed).pop(kind, ()))
    for start in range(0, len(keys), BATCH):
        worker_events.send_from_sync({"type": "recheck", kind: keys[start : start + BATCH]})


@receiver([post_save, post_delete], sender=Camera)
def camera_changed(instance: Camera, **_: Any) -> None:
    _recheck("cameras", [instance])


@receiver(cameras_changed, sender=Camera)
def many_changed(cameras: Iterable[Camera], **_: Any) -> None:
    _recheck("cameras", cameras)


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **_: Any) -> None:
    """A log-out's as well: Django's own signal of it comes before the session is gone."""
    _recheck("sessions", [instance])


@receiver([post_save, post_delete], sender=get_user_model())
@receiver(m2m_changed, sender=get_user_model().groups.through)
@receiver(m2m_changed, sender=get_user_model().user_permissions.through)
def person_changed(instance: Any, **_: Any) -> None:
    _recheck("users", [instance])


@receiver([post_save, post_delete], sender=UserLimit)
@receiver([post_save, post_delete], sender=GroupLimit)
@receiver(post_delete, sender=Group)
def limits_changed(**_: Any) -> None:
    """Of a deleted group, the reserved slots: everybody's again."""
    transaction.on_commit(changes.announce)
