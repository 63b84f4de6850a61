"""Writes what staff do at *Settings > System*, or by the API, to the log of Django's administration."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType

from streaming.models import System

SHOWN = 200  # characters that fit into the administration's list of recent actions


def log_action(user: AbstractBaseUser, text: str) -> None:
    """Log the action of `user` that `text` describes, as a change of the page *Settings > System*."""
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(System),
        object_repr=text[:SHOWN],
        action_flag=CHANGE,
        change_message=text,
    )
