"""Tells the worker processes at once when something changes in the database. After a change of a user's or group's
stream limit they read the limits again. After a change of a camera, of who may see which camera, or of a user, session,
display or wall they recheck the access of the running streams concerned. The health checks open a changed camera next.
"""

import logging
import threading
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from cameras.displays import Display
from cameras.models import Camera, CameraGrant, DisplayToken, Wall, cameras_changed, grants_added
from streaming.health.records import check_again
from streaming.limits import changes
from streaming.models import GroupLimit, UserLimit
from streaming.store import worker_events

logger = logging.getLogger(__name__)

BATCH = 500  # keys in one event, at most
_changed = threading.local()  # kind -> keys that this thread's transaction has changed


def _recheck(kind: str, objects: Iterable[Any]) -> None:
    """Let the workers recheck the access of the running streams of these objects. They are told after the commit:
    before it they would find the old state.

    `kind`: what the objects are: "cameras", "users" or "sessions".
    """
    _note(kind, (str(one.pk) for one in objects))


def _note(kind: str, keys: Iterable[str]) -> None:
    vars(_changed).setdefault(kind, set()).update(keys)
    transaction.on_commit(lambda: _send(kind))


def _send(kind: str) -> None:
    """Tell the workers all changed keys of `kind` that this thread has collected, in events of `BATCH` keys at most.
    `kind`: "cameras", "users" or "sessions", with primary keys, or "grants", with only the key "changed". Called at the
    commit, once per change: only the first call finds keys.

    Keys of a transaction that was rolled back are sent with those of the next one, which does no harm.
    """
    keys = sorted(vars(_changed).pop(kind, ()))
    if keys and kind == "grants" and not CameraGrant.objects.exists():
        logger.warning("No camera grant is left: all users who may watch see all cameras")
    for start in range(0, len(keys), BATCH):
        worker_events.send_from_sync({"type": worker_events.Kind.RECHECK, kind: keys[start : start + BATCH]})


@receiver([post_save, post_delete], sender=Camera)
def camera_changed(instance: Camera, **_: Any) -> None:
    _recheck("cameras", [instance])
    check_again([instance.pk])


@receiver(cameras_changed, sender=Camera)
def many_changed(cameras: Iterable[Camera], **_: Any) -> None:
    changed = list(cameras)
    _recheck("cameras", changed)
    check_again([camera.pk for camera in changed])


@receiver([post_save, post_delete], sender=CameraGrant)
@receiver(grants_added, sender=CameraGrant)
def grants_changed(**_: Any) -> None:
    """Recheck all streams after a change of a grant, which lets a user or group see a camera. Once any grant
    exists, most users see only cameras for which they have one.
    """
    _note("grants", ["changed"])


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **_: Any) -> None:
    """Recheck the streams of a deleted session, also after a log-out: Django's own signal of a log-out comes too early,
    before the deletion.
    """
    _recheck("sessions", [instance])


@receiver([post_save, post_delete], sender=get_user_model())
@receiver(m2m_changed, sender=get_user_model().groups.through)
@receiver(m2m_changed, sender=get_user_model().user_permissions.through)
def person_changed(instance: Any, reverse: bool = False, pk_set: Iterable[int] | None = None, **_: Any) -> None:
    """Recheck the streams of a user. `reverse`: `instance` is a group or permission, and `pk_set` are the users who
    come or go. `pk_set` is None if `clear` removed all: then only the periodic recheck finds them.
    """
    if reverse:
        _note("users", map(str, pk_set or ()))
    else:
        _recheck("users", [instance])


@receiver([post_save, post_delete], sender=DisplayToken)
def display_changed(instance: DisplayToken, **_: Any) -> None:
    _recheck("users", [Display(instance)])


@receiver(post_save, sender=Wall)
def wall_changed(instance: Wall, **_: Any) -> None:
    """Recheck the displays of the wall, that is screens without a log-in that show its page of cameras: a camera may be
    gone from it. The displays of a deleted wall are deleted too.
    """
    _recheck("users", map(Display, instance.displays.all()))


@receiver([post_save, post_delete], sender=UserLimit)
@receiver([post_save, post_delete], sender=GroupLimit)
@receiver(post_delete, sender=Group)
def limits_changed(**_: Any) -> None:
    """Let the workers read the stream limits again after the commit. Also after the deletion of a group, which may have
    had slots (rights to stream) reserved for it.
    """
    transaction.on_commit(changes.announce)
