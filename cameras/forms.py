"""`CameraForm` validates a camera for the API and the import. `PastedCameraForm` does so for the Django admin, and
takes addresses with user name and password, too."""

import contextlib
import copy
from collections.abc import MutableMapping
from typing import Any, TypeVar

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError

from cameras.models import Camera
from cameras.networks import may_hold_cameras
from cameras.sources import AddressError, CameraSource, Endpoint, split_credentials
from cameras.texts import check_line

ADDRESSES = ("stream_url", "substream_url")
OTHER_NETWORK = "Cameras are not allowed at this IP address (CAMERA_NETWORKS)."
OTHER_HOST = "The address is on another host. Enter the password again."
PASTE = "rtsp://, rtsps://, http:// or https://. A pasted user name and password move into their own fields."
MOVED = "The user name and the password in the address were moved into their own fields."
ENTER_AGAIN = "The password was moved out of the address, and is not shown. Enter it again."

Fields = TypeVar("Fields", bound=MutableMapping[str, Any])


class LabeledDateTime(AdminSplitDateTime):
    """The Django admin's widget of two inputs for date and time, each with an accessible label (`aria-label`), which
    Django does not give them.
    """

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        for field, label in zip(self.widgets, ("Date", "Time"), strict=True):
            field.attrs["aria-label"] = label


class CameraForm(forms.ModelForm):  # type: ignore[type-arg]
    """Adds or changes a camera. Never shows the stored password. An empty password keeps it, but is an error if a new
    address of the camera has another scheme, host or port. With `forget_password`, an empty one removes it.
    """

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=150,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again.",
    )
    forget_password = forms.BooleanField(required=False, label="Remove the stored password")

    class Meta:
        model = Camera
        fields = ("name", "stream_url", "substream_url", "username", "password", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.has_password:
            self.fields["password"].help_text += " Leave blank to keep the stored one."

    def clean_name(self) -> str:
        try:
            return check_line(self.cleaned_data["name"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_stream_url(self) -> str:
        return self._checked("stream_url")

    def clean_substream_url(self) -> str:
        return self._checked("substream_url")

    def _checked(self, field: str) -> str:
        """Returns the address in `field`. Raises ValidationError if its host is an IP address where no camera is
        allowed (CAMERA_NETWORKS). A host name is checked later, when it is resolved.
        """
        url = str(self.cleaned_data[field])
        with contextlib.suppress(AddressError, ValueError):  # no address, or a host name
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
        stored = self.instance  # still as stored: Django copies the typed values into it after this
        if not stored.has_password:
            return ""
        if self._moved(stored, cleaned):
            # Otherwise, an editor of the camera could send its password to another host.
            self.add_error("password", ValidationError(OTHER_HOST, code="other_host"))
        return str(stored.password) if stored.password else stored.password

    def _moved(self, stored: Camera, cleaned: dict[str, Any]) -> bool:
        """Returns whether an address in `cleaned` has a scheme, host and port that no address of `stored` has."""
        new = {_endpoint(cleaned.get(name, "")) for name in ADDRESSES}
        return bool(new - {_endpoint(getattr(stored, name)) for name in ADDRESSES} - {None})


class PastedCameraForm(CameraForm):
    """Accepts addresses with user name and password, and moves these two into their own fields."""

    def __init__(self, data: MutableMapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        self.pasted: set[str] = set()  # the fields that were filled from the addresses
        if data:
            apart = credentials_apart(data)
            self.pasted = {name for name in ("username", "password") if apart.get(name) != data.get(name)}
            data = apart
        super().__init__(data, *args, **kwargs)
        if "stream_url" in self.fields:
            self.fields["stream_url"].help_text = PASTE

    def full_clean(self) -> None:
        super().full_clean()
        if "password" in self.pasted and self.errors and "password" not in self.errors:
            self.add_error("password", ENTER_AGAIN)  # the field is empty on the page


def credentials_apart(data: Fields) -> Fields:
    """Returns a copy of a camera form's data. User name and password in its addresses are moved to their own fields,
    whose values they replace.

    A camera has one user name and one password: if the substream's address has others than the stream's, it stays as
    it is, and the form refuses it.
    """
    fields = copy.copy(data)  # also of a QueryDict, whose other fields may have several values
    pasted: dict[str, str] = {}
    for name in ADDRESSES:
        url, username, password = split_credentials(str(fields.get(name) or "").strip())
        found = {key: value for key, value in (("username", username), ("password", password)) if value}
        if found and pasted in ({}, found):
            pasted = found
            for key, value in {name: url, **found}.items():
                fields[key] = value
    return fields


def _endpoint(url: str) -> Endpoint | None:
    """Returns the scheme, host and port that would receive the password. None: `url` is empty, or invalid, which the
    form reports at the field of the address.
    """
    try:
        return CameraSource(url).endpoint
    except AddressError:
        return None
