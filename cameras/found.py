"""Asks the ONVIF devices that a search has found for their streams, and makes a CSV file of them for *Import cameras*.
Needs the packages of requirements-onvif.lock.
"""

import asyncio
import csv
import io
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from cameras import onvif_devices
from cameras.imports import MAX_BYTES, Refused
from cameras.models import Camera
from cameras.networks import may_hold_cameras
from cameras.onvif_devices import Channel, DeviceError
from cameras.onvif_search import Answer
from cameras.spreadsheets import escaped

Search = Callable[[], list[Answer]]

AT_ONCE = 10  # devices that are asked at the same time
SECONDS = 25.0  # for all devices
COLUMNS = ("name", "stream_url", "substream_url", "username", "password")
OTHER_NETWORK = "Cameras are not allowed at this IP address (CAMERA_NETWORKS). Nothing was sent there."
UNKNOWN_HOST = "The host name is not known."
NO_TIME = "There was no time left to ask it. Enter its address to ask only this one."
TOO_MANY = "There are too many cameras for one import. Import the others, and search again."
NAME_TAKEN = "A camera of this name is here already, with another address."


@dataclass
class Findings:
    """The cameras of the ONVIF devices that were found. `answers`: number of devices that the search returned. `data`:
    a CSV file (UTF-8) of the cameras to add, with the login in clear. `refused`: the other cameras, and devices that
    gave none, with the reason. `notes`: why a camera's substream was left out, by the camera's name.
    """

    answers: int
    data: bytes = b""
    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


def at(host: str, port: int) -> list[Answer]:
    """Returns the ONVIF device at an entered address, in the form of a search result: a list of one `Answer`. Sends
    nothing to the device, but blocks while it resolves a host name. If the name is unknown, the answer has a `problem`.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [Answer(host, problem=UNKNOWN_HOST)]
    address = str(found[0][4][0])
    netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return [Answer(address, f"http://{netloc}/onvif/device_service")]


def find(search: Search, username: str, password: str, cameras: Iterable[Camera], seconds: float = SECONDS) -> Findings:
    """Ask the ONVIF devices that `search` returns for their streams, with this login; an empty `username`: without one.
    Devices with a `problem`, or at an IP address where no camera is allowed (CAMERA_NETWORKS), are refused unasked.
    Blocks for up to `seconds` besides the search, and for some seconds more the first time in a process (`prepare`).
    Errors of `search` are raised unchanged.

    `cameras`: those that are stored. A found camera with the address or the name of one of them is refused.
    """
    answers = search()
    findings = Findings(len(answers))
    stored = list(cameras)
    asked = asyncio.run(_ask_all(answers, username, password, seconds))
    rows: list[tuple[str, ...]] = [COLUMNS]
    left = MAX_BYTES
    for name, channel in (entry for answer, told in zip(answers, asked, strict=True) for entry in _named(answer, told)):
        row = (*map(escaped, (name, channel.stream_url, channel.substream_url, username)), password)
        size = 2 * len("".join(row).encode()) + 50  # quotes are doubled
        if problem := channel.problem or _likeness(name, channel, stored) or (TOO_MANY if size > left else ""):
            findings.refused.append(Refused(name, problem))
            continue
        left -= size
        rows.append(row)
        if channel.note:
            findings.notes[name] = channel.note
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    findings.data = text.getvalue().encode()
    return findings


async def _ask_all(answers: list[Answer], username: str, password: str, seconds: float) -> list[list[Channel]]:
    """Returns the channels (video sources) of each device in `answers`. A device that is not asked, fails or is late
    has one channel, whose `problem` tells why. `seconds`: timeout for all devices together.
    """
    if not answers:
        return []
    turns = asyncio.Semaphore(AT_ONCE)
    await onvif_devices.prepare()

    async def ask(answer: Answer) -> list[Channel]:
        if answer.problem or not may_hold_cameras(answer.host, settings.CAMERA_NETWORKS):
            return [Channel(problem=answer.problem or OTHER_NETWORK)]
        async with turns:
            try:
                return await onvif_devices.channels(answer.url, username, password)
            except DeviceError as error:
                return [Channel(problem=str(error))]

    tasks = [asyncio.create_task(ask(answer)) for answer in answers]
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [task.result() if task in done else [Channel(problem=NO_TIME)] for task in tasks]


def _named(answer: Answer, told: list[Channel]) -> list[tuple[str, Channel]]:
    """Returns the channels (video sources) of a device, `told`, each with a camera's name. The name has the device's
    address in it: many devices have the name of their model.
    """
    name = f"{answer.name or 'Camera'} ({urlsplit(answer.url).netloc.removesuffix(':80') or answer.host})"
    if len(told) == 1:
        return [(name, told[0])]
    return [(f"{name} channel {number}", channel) for number, channel in enumerate(told, 1)]


def _likeness(name: str, channel: Channel, stored: list[Camera]) -> str:
    """Returns why not to add a found channel (video source): one of the `stored` cameras has its address, or has
    `name`. Returns "" if none has. Without this check, an import would change the stored camera of that name.
    """
    for camera in stored:
        if camera.stream_url == channel.stream_url:
            return f"This camera is here already: {camera.name}."
    return NAME_TAKEN if any(camera.name == name for camera in stored) else ""
