"""Cameras, and API tokens of the programs that manage them."""

import uuid
from dataclasses import replace

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.dispatch import Signal

from cameras.encryption import EncryptedField, Undecryptable
from cameras.sources import AddressError, CameraSource, check_address

cameras_changed = Signal()  # sent for a bulk change, which sends no post_save; argument: `cameras`


def validate_stream_url(url: str) -> None:
    try:
        check_address(url)
    except AddressError as error:
        raise ValidationError(str(error)) from error


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

    class Meta:
        ordering = ("name", "id")
        permissions = (
            ("watch_camera", "Can watch cameras"),
            ("watch_unattended", "Can watch without being asked whether somebody is there"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def has_password(self) -> bool:
        """Whether a password is stored, even one that cannot be decrypted."""
        return bool(self.password) or isinstance(self.password, Undecryptable)

    @property
    def source(self) -> CameraSource:
        """Address and credentials for the capture. Raises AddressError if the stored password cannot be decrypted."""
        if isinstance(self.password, Undecryptable):
            raise AddressError(
                "The stored password cannot be decrypted, because CAMERA_KEY has changed. Enter it again."
            )
        return CameraSource(self.stream_url, self.username, self.password)

    @property
    def substream(self) -> CameraSource | None:
        """As `source`, of the substream. None: the camera has none."""
        return replace(self.source, url=self.substream_url) if self.substream_url else None


class ApiToken(models.Model):
    """Lets a program act as its user. Only a digest of the token is stored."""

    name = models.CharField(max_length=100, help_text="What the token is for.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_tokens",
        help_text="The token may do what this user may.",
    )
    prefix = models.CharField("begins with", max_length=8, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256 of the token, in hexadecimal
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, editable=False)
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")

    class Meta:
        ordering = ("name", "id")
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name
