"""What the database keeps of streaming: limits and who changed them, minutes, refusals. And *System*, which is no table
but gives that entry of the administration its place and its permissions."""

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from streaming import conf


class System(models.Model):
    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (("change_limits", "Can change stream limits"), ("stop_stream", "Can stop streams"))
        verbose_name = "System"
        verbose_name_plural = "System"

    def __str__(self) -> str:
        return "System"


class LimitChange(models.Model):
    """Somebody set the limits: rows are added, never changed. The newest is in force, and of the trials the newest is tried.

    Null: the environment's default; in a trial, as it is in force, so that a trial of nulls tries nothing.
    """

    time = models.DateTimeField(default=timezone.now, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=150)  # outlives the user
    trial = models.BooleanField(default=False)
    max_concurrent = models.PositiveIntegerField(null=True)
    max_mbps = models.FloatField(null=True)
    max_per_camera = models.PositiveIntegerField(null=True)
    max_per_user = models.PositiveIntegerField(null=True)
    max_per_address = models.PositiveIntegerField(null=True)
    reserved_slots = models.PositiveIntegerField(null=True)
    reserved_group = models.ForeignKey(Group, models.SET_NULL, null=True, related_name="+")
    reserved_group_name = models.CharField(max_length=150, default="", db_default="")  # outlives the group

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        indexes = (models.Index(fields=("trial", "-id"), name="streaming_newest_change"),)

    def __str__(self) -> str:
        return f"{self.user_name}, {self.time:%Y-%m-%d %H:%M}{', trial' if self.trial else ''}"


class Rule(models.Model):
    """How many streams at once, for one user or one group, instead of what everybody may."""

    max_streams = models.PositiveIntegerField(
        "streams at once", validators=[MinValueValidator(1), MaxValueValidator(int(conf.MAX_PER_USER.maximum))]
    )

    class Meta:
        abstract = True


class UserLimit(Rule):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")

    class Meta:
        ordering = ("user",)
        verbose_name = "limit of a user"
        verbose_name_plural = "limits of users"

    def __str__(self) -> str:
        return f"{self.user}: {self.max_streams}"


class GroupLimit(Rule):
    """For each member, not for all of them together; the highest counts for a user of several groups."""

    group = models.OneToOneField(Group, models.CASCADE, related_name="+")

    class Meta:
        ordering = ("group",)
        verbose_name = "limit of a group's members"
        verbose_name_plural = "limits of groups' members"

    def __str__(self) -> str:
        return f"{self.group}: {self.max_streams}"


class Minute(models.Model):
    """One minute of the whole cluster."""

    minute = models.BigIntegerField(primary_key=True)  # Unix time / 60
    peak = models.PositiveIntegerField(default=0)  # most slots in use
    limit = models.PositiveIntegerField(default=0)
    max_mbps = models.FloatField(default=0, db_default=0)  # the budget, 0: none
    mbps = models.FloatField(default=0)  # on average
    mbps_peak = models.FloatField(default=0)  # the most that was sent, over five seconds
    seconds_at_full = models.FloatField(default=0)
    granted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)  # the sum of `refusals`
    refusals = models.JSONField(default=dict)  # reason -> how many
    would_refuse = models.JSONField(default=dict)  # reason -> how many a trial would have refused
    arrivals = models.JSONField(default=dict)  # slots in use -> how many newcomers were granted one more

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.minute)


class Batch(models.Model):
    """Minutes that have been written together. Redis hears of it later, and until then may hand them out again."""

    id = models.CharField(primary_key=True, max_length=40)
    time = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.id


class Refusal(models.Model):
    """One viewer who was refused, or with `dry_run` would have been. Names, not keys: they outlive what they name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    time = models.DateTimeField(db_index=True)
    user = models.CharField(max_length=150)
    user_id = models.CharField(max_length=40)
    camera = models.CharField(max_length=100)
    camera_id = models.CharField(max_length=40)
    quality = models.CharField(max_length=20)
    address = models.CharField(max_length=100)
    reason = models.CharField(max_length=40)
    in_use = models.FloatField(null=True)  # slots, or Mbit/s
    limit = models.FloatField(null=True)
    dry_run = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}, {self.camera}: {self.reason}"
