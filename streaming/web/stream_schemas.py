"""Schemas of the JSON API: running streams, the line of waiting viewers, orders to stop streams, and blocked users."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, Field

from cameras.schema_fields import Strictly
from cameras.schemas import Strict
from cameras.texts import INVISIBLE, check_text
from streaming.gate import stop_orders


class ViewerOut(Schema):
    id: str
    user: str
    user_id: str = ""
    camera: str
    camera_id: UUID
    quality: str
    address: str = Field(description="The viewer's IP address.")


class StreamOut(ViewerOut):
    since: datetime
    worker: str
    mbps: float = Field(default=0.0, description="Sent to the viewer, as the average of the last seconds.")


class StreamPage(Schema):
    items: list[StreamOut]
    count: int = Field(description="The number of all items, on all pages.")


class WaitingOut(ViewerOut):
    since: datetime = Field(description="When the viewer joined the line.")
    worker: str
    position: int = Field(description="1 is next.")
    priority: str = Field(
        description="In this order: `front` (moved there by an administrator), `operator` (of the group with reserved "
        "slots), `ordinary`, `background`."
    )
    reason: str = Field(description="The limit that holds the viewer back, such as `limit_reached`.")


class LinePage(Schema):
    items: list[WaitingOut] = Field(description="In the order of the line.")
    count: int = Field(description="The number of all items, on all pages.")


class RemoveIn(Strict):
    message: Annotated[str, AfterValidator(check_text)] = Field(
        default="",
        max_length=stop_orders.MESSAGE,
        description="The message that the viewer reads; empty: a standard text.",
        json_schema_extra={"pattern": f"^[^{INVISIBLE}]*$"},
    )


class StopIn(RemoveIn):
    block_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=stop_orders.BLOCK,
            description="How long to block the user. Above 0, all streams of the user end.",
        ),
        Strictly,
    ] = 0


class StoppedOut(Schema):
    stopped: int


class BlockOut(Schema):
    user_id: str
    user: str = Field(description="The user name at the time of the block.")
    message: str = Field(description="The message to the user.")
    seconds_left: int
    by: str = Field(description="The user name of whoever set the block.")


class BlockPage(Schema):
    items: list[BlockOut]
    count: int = Field(description="The number of all items, on all pages.")
