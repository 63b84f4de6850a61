"""The database models of cameras, who may see them, their groups and order, and saved walls (grids of live cameras).
Also the tokens of programs and of displays, which are screens without a log-in.
"""

import uuid
from dataclasses import replace
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, Q
from django.dispatch import Signal
from django.utils import timezone

from cameras.encryption import EncryptedField, Undecryptable
from cameras.sources import AddressError, CameraSource, check_address

cameras_changed = Signal()  # sent for a bulk change, which sends no post_save; argument: `cameras`
grants_added = Signal()  # the same for grants; argument: `grants`

SEE_ALL, GRANT = "cameras.see_all_cameras", "cameras.change_cameragrant"  # from both permissions, no camera is hidden


def validate_stream_url(url: str) -> None:
    try:
        check_address(url)
    except AddressError as error:
        raise ValidationError(str(error)) from error


class CameraQuerySet(models.QuerySet["Camera"]):
    def visible_to(self, user: Any) -> Self:
        """Returns the cameras that are not hidden from `user`, a Django user or AnonymousUser (not a `Display`, a
        screen without a log-in). Once any grant exists, a camera is hidden from users without a grant for it, of their
        own or of a group. Users who may see all cameras or change grants see all; an anonymous user never sees any.

        A hidden camera must look like one that does not exist. This is no permission to watch: `may_watch` in
        `cameras/permissions.py` checks both.
        """
        if not user.is_authenticated:
            return self.none()
        if user.has_perm(SEE_ALL) or user.has_perm(GRANT):
            return self.all()
        grants = CameraGrant.objects.all()
        theirs = grants.filter(Q(user=user.pk) | Q(group__in=user.groups.values("pk")))
        return self.filter(~Exists(grants) | Q(pk__in=theirs.values("camera")))


class Camera(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    stream_url = models.CharField(
        "stream address",
        max_length=500,
        blank=True,
        default="",
        validators=[validate_stream_url],
        help_text="rtsp://, rtsps://, http:// or https://, without user name and password.",
    )
    substream_url = models.CharField(
        "substream",
        max_length=500,
        blank=True,
        default="",
        db_default="",  # for workers of the earlier version, during an upgrade
        validators=[validate_stream_url],
        help_text="A smaller stream of the same camera, for small pictures. It gets the same user name and password.",
    )
    username = models.CharField("user name", max_length=150, blank=True, default="")
    password = EncryptedField(blank=True, default="")
    enabled = models.BooleanField(default=True, help_text="A disabled camera cannot be watched.")

    objects = CameraQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        permissions = (
            ("watch_camera", "Can watch cameras"),
            ("watch_unattended", "Can watch without being asked whether somebody is there"),
            ("keep_wall_slots", "Can keep the slots of a wall while others wait"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def has_password(self) -> bool:
        """Whether a password is stored, even one that cannot be decrypted."""
        return bool(self.password) or isinstance(self.password, Undecryptable)

    @property
    def source(self) -> CameraSource:
        """Address ("" if the camera has none) and credentials to open the camera's stream. Raises AddressError if the
        stored password cannot be decrypted.
        """
        if isinstance(self.password, Undecryptable):
            raise AddressError(
                "The stored password cannot be decrypted, because CAMERA_KEY has changed. Enter it again."
            )
        return CameraSource(self.stream_url, self.username, self.password)

    @property
    def substream(self) -> CameraSource | None:
        """Address and credentials of the camera's smaller stream. None: it has none. Raises AddressError if the stored
        password cannot be decrypted.
        """
        return replace(self.source, url=self.substream_url) if self.substream_url else None


class CameraGrant(models.Model):
    """Lets a user, or the members of a group, see a camera. While there are no grants at all, all users see all
    cameras.

    `CameraQuerySet.visible_to` has the rule, and `cameras/grants.py` changes grants.
    """

    camera = models.ForeignKey(Camera, models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="camera_grants", null=True)
    group = models.ForeignKey(Group, models.CASCADE, related_name="camera_grants", null=True)

    class Meta:
        default_permissions = ("change",)
        permissions = (("see_all_cameras", "Can see all cameras, whatever the grants say"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(user=None, group__isnull=False) | Q(user__isnull=False, group=None),
                name="grant_to_user_or_group",
            ),
            models.UniqueConstraint(fields=("camera", "user"), name="one_grant_of_user"),
            models.UniqueConstraint(fields=("camera", "group"), name="one_grant_of_group"),
        )

    def __str__(self) -> str:
        """Returns the name of the user or group, without the camera's name. Staff see this text on pages about
        users, and the camera may be hidden from them.
        """
        return str(self.user or self.group)


class UserCameras(User):
    """A user, on the Django admin page that sets which cameras are granted to them. A proxy of User."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "user"
        verbose_name_plural = "users' cameras"


class GroupCameras(Group):
    """A group, on the Django admin page that sets which cameras are granted to its members. A proxy of Group."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = "group"
        verbose_name_plural = "groups' cameras"


class CameraGroup(models.Model):
    """Cameras that belong together, such as those of a building. People can filter the page of cameras, and walls,
    by group. A group gives nobody access.
    """

    name = models.CharField(max_length=100, unique=True)
    cameras = models.ManyToManyField(Camera, related_name="camera_groups", blank=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class CardOrder(models.Model):
    """A user's own order of the cards on the page of all cameras. `cameras`: ids in this order. The cards of other
    cameras come after them, by name.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="card_order")
    cameras = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)


class Wall(models.Model):
    """A saved wall: a page that shows several cameras live in a grid. `tiles` are in their order: `{"camera": id,
    "size": cells in each direction}`.

    The id of a deleted camera stays in `tiles`: its tile is shown empty.
    """

    MAX_TILES, MAX_SIZE, MAX_PER_PAGE = 256, 4, 64
    MIN_CYCLE, MAX_CYCLE = 5, 3600  # seconds per page; streams open 0.25 s apart: in 5 s, only the first 20

    slug = models.SlugField(max_length=60, unique=True, help_text="The last part of the wall's address.")
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="walls")
    shared = models.BooleanField(default=False, help_text="Everybody who may watch cameras can open the wall.")
    tiles = models.JSONField(default=list)
    per_page = models.PositiveSmallIntegerField("tiles per page", default=0, help_text="0: as many as fit.")
    cycle_seconds = models.PositiveSmallIntegerField(
        "seconds per page", default=0, help_text="Then the next page comes. 0: pages stay."
    )

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Token(models.Model):
    """Base of access tokens: secrets of 256 random bits. Only the digest of a token is stored, and `prefix`, its first
    characters.
    """

    prefix = models.CharField("begins with", max_length=8, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256 of the token, in hexadecimal
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")

    class Meta:
        abstract = True

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()


class ApiToken(Token):
    """Lets a program use the JSON API as its user."""

    name = models.CharField(max_length=100, help_text="What the token is for.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_tokens",
        help_text="The token may do what this user may.",
    )
    last_used = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("name", "id")
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name


class DisplayToken(Token):
    """Lets a screen show one wall (a saved grid of cameras) without a log-in: those of its cameras that the issuer
    may watch. The issuer made the token or took it over last. The token does not work while it is expired or
    revoked, or while the issuer is deleted (null) or inactive.
    """

    name = models.CharField(max_length=100, help_text="Where the screen is.")
    wall = models.ForeignKey(Wall, models.CASCADE, related_name="displays")
    issuer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="displays",
        help_text="The display shows no camera that this user may not watch.",
    )
    keeps_slots = models.BooleanField(
        default=False, help_text="Its streams do not give their slots to people who wait."
    )
    revoked = models.DateTimeField(null=True, editable=False)
    last_seen = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("name", "id")
        verbose_name = "display"

    def __str__(self) -> str:
        return self.name
