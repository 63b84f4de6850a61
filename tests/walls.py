"""Saved walls and displays in the database of an installation."""

import hashlib
import json
import secrets

from tests.servers import Site

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"  # as Django stores a time in SQLite


def add_wall(
    house: Site, slug: str, cameras: list[str], *, owner: str = "admin", per_page: int = 0, cycle_seconds: int = 0
) -> None:
    """A shared wall."""
    house.execute(
        "INSERT INTO cameras_wall (slug, name, shared, tiles, per_page, cycle_seconds, owner_id) "
        "VALUES (?, ?, 1, ?, ?, ?, (SELECT id FROM auth_user WHERE username = ?))",
        (slug, slug.title(), _tiles(cameras), per_page, cycle_seconds, owner),
    )


def change_wall(house: Site, slug: str, cameras: list[str]) -> None:
    house.execute("UPDATE cameras_wall SET tiles = ? WHERE slug = ?", (_tiles(cameras), slug))


def remove_walls(house: Site) -> None:
    for table in ("cameras_displaytoken", "cameras_wall"):
        house.execute(f"DELETE FROM {table}")  # noqa: S608


def add_display(house: Site, slug: str, *, issuer: str = "admin", keeps_slots: bool = False) -> str:
    """Returns the token."""
    token = "nvr_" + secrets.token_urlsafe(32)
    house.execute(
        "INSERT INTO cameras_displaytoken (name, prefix, digest, created, keeps_slots, wall_id, issuer_id) VALUES "  # noqa: S608
        f"('Entrance', ?, ?, {NOW}, ?, (SELECT id FROM cameras_wall WHERE slug = ?), "
        "(SELECT id FROM auth_user WHERE username = ?))",
        (token[:8], hashlib.sha256(token.encode()).hexdigest(), keeps_slots, slug, issuer),
    )
    return token


def change_displays(house: Site, column: str, value: str, token: str = "") -> None:
    """Changes one display, or without a token all of them. `value`: an expression of SQL."""
    digest = hashlib.sha256(token.encode()).hexdigest() if token else "%"
    house.execute(f"UPDATE cameras_displaytoken SET {column} = {value} WHERE digest LIKE ?", (digest,))  # noqa: S608


def _tiles(cameras: list[str]) -> str:
    return json.dumps([{"camera": camera, "size": 1} for camera in cameras])
