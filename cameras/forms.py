"""What an operator types about a camera."""

import contextlib
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from cameras.models import Camera
from cameras.networks import may_hold_cameras
from cameras.sources import AddressError, CameraSource, Endpoint
from cameras.texts import check_line

OTHER_NETWORK = "Cameras may not be at this IP address (CAMERA_NETWORKS)."
OTHER_HOST = "The address points to another host: enter the password again."


class CameraForm(forms.ModelForm):  # type: ignore[type-arg]
    """The stored password is never shown; left empty it stays, unless the camera's address moves to another host."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=150,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again. Leave empty to keep the stored one.",
    )
    forget_password = forms.BooleanField(required=False, label="Remove the stored password")

    class Meta:
        model = Camera
        fields = ("name", "stream_url", "username", "password", "enabled")

    def clean_name(self) -> str:
        try:
            return check_line(self.cleaned_data["name"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_stream_url(self) -> str:
        """An IP address is checked here, a name when it is resolved."""
        url = str(self.cleaned_data["stream_url"])
        with contextlib.suppress(AddressError, ValueError):  # blank, or a name
            _, host, _ = CameraSource(url).endpoint
            if not may_hold_cameras(host or "", settings.CAMERA_NETWORKS):
                raise ValidationError(OTHER_NETWORK, code="other_network")
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("password"):
            cleaned["password"] = "" if cleaned.get("forget_password") else self._kept_password(cleaned)
        return cleaned

    def _kept_password(self, cleaned: dict[str, Any]) -> str:
        stored = self.instance  # what was typed goes into it after this
        if not stored.has_password:
            return ""
        if self._moved(stored, cleaned):
            # Else an editor of the camera could send its password to another host.
            self.add_error("password", ValidationError(OTHER_HOST, code="other_host"))
        return str(stored.password) if stored.password else stored.password

    def _moved(self, stored: Camera, cleaned: dict[str, Any]) -> bool:
        new = _endpoint(cleaned.get("stream_url", ""))
        return new is not None and new != _endpoint(stored.stream_url)


def _endpoint(url: str) -> Endpoint | None:
    """To whom a password would be given; None for an address that leads nowhere, which its own field complains of."""
    try:
        return CameraSource(url).endpoint
    except AddressError:
        return None
