"""The tables of streaming: stream limits and their changes, blocked users, usage by the minute, refused viewers, and
the health of cameras.

`System` has no table. It gives the page *Settings > System* its place in the administration and its permissions.
"""

import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from cameras.models import Camera
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
    """The stream limits for everybody after one change. Rows are added, never changed. The newest without `trial` is in
    force. Of those with `trial`, the newest is the dry run: its limits refuse nobody, and count whom they would refuse.

    Null means the environment's default; in a trial, the value in force. A trial in which all limits are null ends the
    dry run.
    """

    time = models.DateTimeField(default=timezone.now, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=150)  # outlives the user
    trial = models.BooleanField(default=False)
    max_concurrent = models.PositiveIntegerField(null=True)
    max_mbps = models.FloatField(null=True)  # 0: unlimited
    max_per_camera = models.PositiveIntegerField(null=True)  # 0: unlimited
    max_per_user = models.PositiveIntegerField(null=True)  # 0: unlimited
    max_per_address = models.PositiveIntegerField(null=True)
    reserved_slots = models.PositiveIntegerField(null=True)
    reserved_group = models.ForeignKey(Group, models.SET_NULL, null=True, related_name="+")
    # Outlives the group, for which no slots are reserved then.
    reserved_group_name = models.CharField(max_length=150, default="", db_default="")

    class Meta:
        default_permissions = ()
        ordering = ("-id",)
        indexes = (models.Index(fields=("trial", "-id"), name="streaming_newest_change"),)

    def __str__(self) -> str:
        return f"{self.user_name}, {self.time:%Y-%m-%d %H:%M}{', trial' if self.trial else ''}"


class Rule(models.Model):
    """A limit of concurrent streams for one user, or for each member of a group, instead of the limit for everybody."""

    max_streams = models.PositiveIntegerField(
        "streams at once", validators=[MinValueValidator(1), MaxValueValidator(int(conf.MAX_PER_USER.maximum))]
    )

    class Meta:
        abstract = True


class UserLimit(Rule):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")

    class Meta:
        ordering = ("user",)
        verbose_name = "user limit"
        verbose_name_plural = "user limits"

    def __str__(self) -> str:
        return f"{self.user}: {self.max_streams}"


class GroupLimit(Rule):
    """The limit of concurrent streams for each member of a group, not for all members together. The highest limit
    applies to a user of several groups, unless they have a limit of their own.
    """

    group = models.OneToOneField(Group, models.CASCADE, related_name="+")

    class Meta:
        ordering = ("group",)
        verbose_name = "group limit"
        verbose_name_plural = "group limits"

    def __str__(self) -> str:
        return f"{self.group}: {self.max_streams}"


class UserBlock(models.Model):
    """A user whom an administrator keeps from watching until a time. Redis has the block too; this row stays if Redis
    loses its data.

    Holds the user's id and names as texts instead of foreign keys, as Redis does.
    """

    user_id = models.CharField(primary_key=True, max_length=40)
    user = models.CharField(max_length=150)  # name
    message = models.CharField(max_length=200)  # to the user
    by = models.CharField(max_length=150)  # name of the administrator; empty if unknown
    until = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}, until {self.until:%Y-%m-%d %H:%M}"


class Minute(models.Model):
    """The usage figures of one minute, of all worker processes together: streams, bandwidth, admitted and refused
    viewers.
    """

    minute = models.BigIntegerField(primary_key=True)  # Unix time / 60
    peak = models.PositiveIntegerField(default=0)  # most slots in use
    limit = models.PositiveIntegerField(default=0)  # of all streams, as last reported in this minute
    max_mbps = models.FloatField(default=0, db_default=0)  # the bandwidth limit, 0: unlimited
    mbps = models.FloatField(default=0)  # average
    mbps_peak = models.FloatField(default=0)  # highest rate over five seconds
    seconds_at_full = models.FloatField(default=0)  # while all slots were in use
    granted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)  # the sum of `refusals`
    refusals = models.JSONField(default=dict)  # reason -> count
    would_refuse = models.JSONField(default=dict)  # reason -> count of viewers that the dry run would have refused
    arrivals = models.JSONField(default=dict)  # other slots in use (see `arrival_group`) -> viewers admitted then
    # Upper bound in seconds, or "inf" -> viewers in this bucket alone, who got a slot after so long a wait.
    waited = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    gave_up = models.PositiveIntegerField(default=0, db_default=0)  # viewers who left the line without a slot

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.minute)


class Batch(models.Model):
    """The id of a batch of usage figures, one row of figures per minute, that is stored in the database. Redis may hand
    out the batch again until it hears of the commit; by this row, it is not stored twice.
    """

    id = models.CharField(primary_key=True, max_length=40)
    time = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.id


class Refusal(models.Model):
    """A refusal of one viewer, by a limit or for another `reason` of `errors.py`. At most one per viewer and
    second is stored. With `dry_run`, the viewer was admitted, and only the trial limits of a dry run would have
    refused them.

    Holds names instead of foreign keys, so that the row outlives user and camera.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    time = models.DateTimeField(db_index=True)
    user = models.CharField(max_length=150)
    user_id = models.CharField(max_length=40)
    camera = models.CharField(max_length=100)
    camera_id = models.CharField(max_length=40)
    quality = models.CharField(max_length=20)
    address = models.CharField(max_length=100)
    reason = models.CharField(max_length=40)
    in_use = models.FloatField(null=True)  # slots, or Mbit/s; null: the reason has no such figure
    limit = models.FloatField(null=True)
    dry_run = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}, {self.camera}: {self.reason}"


class CameraHealth(models.Model):
    """How a camera's main stream was when it was last read, or tried: by a viewer's stream, for a still picture, or by
    the periodic check in the background. A camera without a row was never tried.
    """

    class State(models.TextChoices):
        """REACHABLE, or the kind of failure: the kinds are those of `Problem` in `ingest/condition.py`."""

        REACHABLE = "reachable", "Reachable"
        UNREACHABLE = "unreachable", "Not reachable"
        WRONG_PASSWORD = "wrong_password", "Wrong password"
        NO_SUCH_PATH = "no_such_path", "No such path"
        NO_PICTURE = "no_picture", "No picture"

    camera = models.OneToOneField(Camera, models.CASCADE, primary_key=True, related_name="health")
    state = models.CharField(max_length=20, choices=State)
    reason = models.CharField(max_length=200)  # of a failure, for administrators; empty: reachable
    since = models.DateTimeField()  # of the state
    seen_at = models.DateTimeField(null=True, db_index=True)  # the camera was read, or tried; null: check it again
    picture_at = models.DateTimeField(null=True)  # of the last picture, to a minute
    # Of the last opening that succeeded. "" or 0: not known.
    codec = models.CharField(max_length=20, default="")  # FFmpeg's name
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    frames_per_second = models.FloatField(default=0)
    reconnections = models.JSONField(default=dict)  # Unix hour -> how often the camera was lost in it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.state}"
