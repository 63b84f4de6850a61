"""Pydantic schemas of cameras in the JSON API, and types and base classes that its other schemas share.

Pydantic checks types, lengths and the characters of names, then `CameraForm` validates the values. The patterns here
only describe its rules, for clients that check before they send: pydantic does not apply them.
"""

from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from cameras.forms import CameraForm
from cameras.models import Camera
from cameras.sources import PATTERN
from cameras.texts import BREAKS, INVISIBLE, check_line

MAX_LIMIT, MAX_OFFSET = 500, 1_000_000

NO_NUL = r"^[^\x00]*$"
NOT_BLANK = rf"^[^{INVISIBLE}{BREAKS}]*[^\s{INVISIBLE}{BREAKS}][^{INVISIBLE}{BREAKS}]*$"


def _length(name: str) -> Any:
    """Returns the maximum length of a field of `CameraForm`, in characters. None: it has none."""
    return getattr(CameraForm.base_fields[name], "max_length", None)


def _described(description: str, pattern: str, *examples: str) -> dict[str, Any]:
    return {"description": description, "pattern": pattern, "examples": list(examples)}


Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_length("name"),
        json_schema_extra=_described("Name on every page.", NOT_BLANK, "Yard"),
    ),
    AfterValidator(check_line),
]


def _address(field: str, description: str, example: str) -> Any:
    described = _described(description, f"^$|{PATTERN}", example)
    return Field(max_length=_length(field), json_schema_extra=described)


Address = Annotated[
    str,
    _address(
        "stream_url",
        "rtsp://, rtsps://, http:// or https://, without user name and password; empty for none.",
        "rtsp://192.0.2.7:554/stream1",
    ),
]
Substream = Annotated[
    str,
    _address(
        "substream_url",
        "Address of a smaller stream of the same camera, with the same user name and password; empty for none.",
        "rtsp://192.0.2.7:554/stream2",
    ),
]
Username = Annotated[
    str, Field(max_length=_length("username"), json_schema_extra=_described("The camera's user.", NO_NUL, "operator"))
]
Password = Annotated[
    str,
    Field(
        max_length=_length("password"),
        json_schema_extra={
            **_described(
                "Stored encrypted and never shown. Empty: none; in a change, the stored one is removed.", NO_NUL
            ),
            "writeOnly": True,
        },
    ),
]


class Strict(Schema):
    """Base of request bodies in which an unknown field is an error, so that a mistyped name is not ignored."""

    model_config = ConfigDict(extra="forbid")


def _without_defaults(schema: dict[str, Any]) -> None:
    for described in schema["properties"].values():
        described.pop("default", None)


class Changes(Strict):
    """Base of request bodies whose missing fields are not changed. Default values are unused, and not part of the API's
    schema.
    """

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    def given(self) -> dict[str, Any]:
        """Returns only the fields that are in the request."""
        return self.model_dump(exclude_unset=True)


class CameraIn(Strict):
    name: Name
    stream_url: Address = ""
    substream_url: Substream = ""
    username: Username = ""
    password: Password = ""
    enabled: StrictBool = Field(default=True, description="A disabled camera cannot be watched.")


class CameraChanges(Changes):
    name: Name = ""
    stream_url: Address = ""
    substream_url: Substream = ""
    username: Username = ""
    password: Password = ""
    enabled: StrictBool = Field(default=True, description="A disabled camera cannot be watched.")


class CameraOut(Schema):
    id: UUID
    name: str
    stream_url: str
    substream_url: str
    username: str
    has_password: bool = Field(description="Whether a password is stored. It is never shown.")
    enabled: bool

    @classmethod
    def of(cls, camera: Camera) -> "CameraOut":
        return cls.model_validate(camera)


class Window(Schema):
    """Query parameters that select the part of a list to return."""

    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="Maximum number of entries.")
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET, description="Number of entries to skip.")

    def of(self, rows: Any) -> list[Any]:
        return list(rows[self.offset : self.offset + self.limit])


class CameraPage(Schema):
    items: list[CameraOut]
    count: int = Field(description="Number of all cameras.")


class ImportOut(Schema):
    created: int
    changed: int
    unchanged: int
    dry_run: bool = Field(description="Whether the file was only checked.")
