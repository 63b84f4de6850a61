"""Walls, people and displays, for tests."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from cameras import displays, tokens
from cameras.models import Camera, DisplayToken, Wall
from cameras.permissions import VIEWERS


def person(name: str, **fields: Any) -> User:
    """A user who may watch cameras."""
    user = User.objects.create_user(name, **fields)
    user.groups.add(Group.objects.get(name=VIEWERS))
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def cameras(*names: str) -> list[Camera]:
    return [Camera.objects.create(name=name, stream_url="rtsp://camera/live") for name in names]


def wall_of(owner: User, *cameras: Camera, name: str = "Lobby", **fields: Any) -> Wall:
    tiles = [{"camera": str(camera.pk), "size": 1} for camera in cameras]
    return Wall.objects.create(owner=owner, name=name, slug=name.lower(), tiles=tiles, **fields)


def display_on(wall: Wall, issuer: User, **fields: Any) -> tuple[DisplayToken, str]:
    """Returns the row and the text of a new display token."""
    row = DisplayToken(name="Entrance", wall=wall, issuer=issuer, **fields)
    text = tokens.fill(row)
    row.save()
    return row, text


def screen(text: str) -> Client:
    """The browser of a display."""
    client = Client()
    client.cookies[displays.COOKIE] = text
    return client
