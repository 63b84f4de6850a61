"""Schemas of *Test connection*, which opens a camera once to show a picture, in the JSON API."""

from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from cameras.schemas import Address, Password, Strict, Username

StreamName = Literal["main", "sub"]


class AddressIn(Strict):
    stream_url: Annotated[Address, Field(min_length=1)]
    username: Username = ""
    password: Password = ""


class ProbeOut(Schema):
    """The result of opening a camera. If `ok`, a picture and facts of the video; if not, the reason in `message`."""

    ok: bool
    message: str = ""
    picture: str = Field(default="", description="A JPEG as a data: URL.")
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None
    codec: str = ""
