"""Pydantic schemas of saved walls, which are grids of live cameras, in the JSON API."""

from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import Field, StrictBool, ValidationError, field_validator

from cameras.models import Wall
from cameras.problems import Problem
from cameras.schema_fields import Strictly
from cameras.schemas import Name, Strict

CYCLE = f"0, or {Wall.MIN_CYCLE} to {Wall.MAX_CYCLE}"


class TileIn(Strict):
    camera: UUID
    size: Annotated[int, Field(ge=1, le=Wall.MAX_SIZE), Strictly] = Field(
        default=1, description="Cells in each direction."
    )


class WallIn(Strict):
    name: Name
    tiles: list[TileIn] = Field(max_length=Wall.MAX_TILES, description="In their order. A camera is on a wall once.")
    per_page: Annotated[int, Field(ge=0, le=Wall.MAX_PER_PAGE), Strictly] = Field(
        default=0, description="Tiles on a page. 0: as many as fit on the screen."
    )
    cycle_seconds: Annotated[int, Field(ge=0, le=Wall.MAX_CYCLE), Strictly] = Field(
        default=0,
        description=f"Seconds until the next page comes by itself: {CYCLE}.",
        json_schema_extra={"anyOf": [{"const": 0}, {"minimum": Wall.MIN_CYCLE}]},
    )
    shared: StrictBool = Field(
        default=False, description="Whether everybody who may watch cameras can open it. Only staff can share."
    )

    @field_validator("cycle_seconds")
    @classmethod
    def _long_enough(cls, seconds: int) -> int:
        if 0 < seconds < Wall.MIN_CYCLE:
            raise ValueError(f"Input should be {CYCLE}")
        return seconds


class TileOut(Schema):
    camera: UUID
    size: int


class WallOut(Schema):
    slug: str = Field(description="The last part of the address of its page: `/wall/{slug}/`.")
    name: str
    owner: str
    shared: bool
    tiles: list[TileOut]
    per_page: int
    cycle_seconds: int

    @staticmethod
    def resolve_owner(wall: Wall) -> str:
        return wall.owner.get_username()


class WallPage(Schema):
    items: list[WallOut]
    count: int = Field(description="Number of all walls.")


def body_schema() -> dict[str, Any]:
    """Returns the OpenAPI description of a request body with a wall (`WallIn`), for operations that read the body
    themselves.
    """
    schema = WallIn.model_json_schema(ref_template="#/components/schemas/{model}")
    tile = schema.pop("$defs")["TileIn"]
    schema["properties"]["tiles"]["items"] = tile
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def read_layout(body: bytes) -> WallIn:
    """Returns the wall in the JSON body of a request. Raises a 400 Problem `invalid_layout` if it is invalid, with the
    errors of each field by its path, such as `tiles.0.size`. Does not check whether the cameras exist.
    """
    try:
        return WallIn.model_validate_json(body)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            fields.setdefault(".".join(map(str, one["loc"])) or "body", []).append(one["msg"])
        raise invalid_layout(fields) from error


def invalid_layout(fields: dict[str, list[str]]) -> Problem:
    message = " ".join(f"{name}: {text}" for name, texts in fields.items() for text in texts)
    return Problem(400, message, "invalid_layout", fields=fields)
