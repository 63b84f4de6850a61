"""What ends or moves running streams: a camera changed, a person logged out. Hastens what each stream's recheck finds."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from cameras.models import Camera
from streaming import control, policy
from streaming.models import GroupLimit, UserLimit


@receiver([post_save, post_delete], sender=Camera)
def camera_changed(instance: Camera, **_: Any) -> None:
    control.send_from_sync({"type": "recheck", "camera": str(instance.pk)})


@receiver(user_logged_out)
def logged_out(user: Any, **_: Any) -> None:
    if user is not None:
        control.send_from_sync({"type": "recheck", "user": str(user.pk)})


@receiver(post_save, sender=get_user_model())
@receiver(m2m_changed, sender=get_user_model().groups.through)
@receiver(m2m_changed, sender=get_user_model().user_permissions.through)
def person_changed(instance: Any, **_: Any) -> None:
    control.send_from_sync({"type": "recheck", "user": str(instance.pk)})


@receiver([post_save, post_delete], sender=UserLimit)
@receiver([post_save, post_delete], sender=GroupLimit)
@receiver(post_delete, sender=Group)
def limits_changed(**_: Any) -> None:
    """Of a deleted group, the reserved slots: everybody's again."""
    transaction.on_commit(policy.announce)
