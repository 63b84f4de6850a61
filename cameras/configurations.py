"""Finds the cameras in the configuration files of go2rtc, Frigate and MediaMTX.

Only addresses with one of our schemes are taken. These programs also know sources that start programs or read files:
nothing of that kind is ever taken, or run. No message contains an address, because addresses contain passwords.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cameras import yaml_files
from cameras.sources import SCHEMES, AddressError, CameraSource, split_credentials

MAX_SOURCES = 20  # of one camera: aliases can make a list much longer than the file
ONLY = "Only rtsp://, rtsps://, http:// and https:// addresses are taken."
# Schemes that a message may name. Any other text could be part of a password.
FOREIGN = re.compile(
    r"(exec|ffmpeg|echo|expr|file|rtmps?|rtspx|onvif|webrtc|whep|tcp|udp|srt|rtp|hls|homekit|hass|device|dvrip|bubble|isapi|"
    r"kasa|tapo|tuya|ring|roborock|nest|wyze|xiaomi|doorbird|gopro|ivideon|tplink|v4l2|alsa|redirect|rpiCamera)(?=:|$)"
)
VARIABLE = re.compile(r"\$\{[^{}]*\}|\{FRIGATE_\w+\}")
MARK = "\ue000"  # stands for a variable, because the text of one may contain : and @
LOCAL = ("127.0.0.1", "localhost", "::1")
NO_LOGIN = "The file has a variable instead of the login. Enter it in the camera's form."
LOOPBACK = "The address means the machine itself. If the file is from another machine, enter that one's address."
RESTREAM_PORT = 8554  # of the go2rtc inside Frigate


@dataclass(frozen=True)
class Entry:
    """A camera of the file, or the reason why it is none."""

    name: str
    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    substream_url: str = ""
    enabled: bool | None = None  # None: the file does not say
    note: str = ""
    refusal: str = ""

    def row(self) -> dict[str, str]:
        """The fields of a camera that the file has. What is missing keeps its stored value."""
        enabled = {None: "", True: "true", False: "false"}[self.enabled]
        cells = {
            "stream_url": self.url,
            "username": self.username,
            "password": self.password,
            "substream_url": self.substream_url,
            "enabled": enabled,
        }
        return {"name": self.name, **{name: cell for name, cell in cells.items() if cell}}


@dataclass(frozen=True)
class Source:
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    has_variable: bool = False  # instead of the user name or the password


class Refusal(Exception):
    """Why a source is not taken."""


def cameras_of(text: str) -> list[Entry]:
    """Returns the cameras of a YAML file of one of the three programs. Raises YamlError if it is none of them."""
    config = yaml_files.read(text)
    if isinstance(config, dict):
        for key, read in (("cameras", _frigate), ("paths", _mediamtx), ("streams", _go2rtc)):
            if key in config:
                return list(read(config))
        if isinstance(relay := config.get("go2rtc"), dict) and "streams" in relay:
            return list(_go2rtc(relay))
    raise yaml_files.YamlError(
        "This is no configuration of go2rtc (streams:), Frigate (cameras:) or MediaMTX (paths:), and no CSV file."
    )


# go2rtc.


def _go2rtc(config: dict[Any, Any]) -> Iterator[Entry]:
    streams = _mapping(config, "streams")
    for name, value in streams.items():
        if not _is_substream(name, streams):
            yield _entry(name, _texts(value), _texts(streams.get(f"{name}_sub")))


def _is_substream(name: str, streams: dict[str, Any]) -> bool:
    """Whether it is NAME_sub of a camera NAME, as Frigate's documentation calls the substream."""
    main, _ = _taken(_texts(streams.get(name.removesuffix("_sub"))) if name.endswith("_sub") else [])
    own, _ = _taken(_texts(streams[name]))
    return bool(main and _substream(main[0], own))


# Frigate.


def _frigate(config: dict[Any, Any]) -> Iterator[Entry]:
    relay = config.get("go2rtc")
    streams = _mapping(relay, "streams") if isinstance(relay, dict) and "streams" in relay else {}
    for key, camera in _mapping(config, "cameras").items():
        camera = camera if isinstance(camera, dict) else {}
        ffmpeg = camera.get("ffmpeg")
        inputs = ffmpeg.get("inputs") if isinstance(ffmpeg, dict) else None
        found = [
            entry for entry in (inputs if isinstance(inputs, list) else [])[:MAX_SOURCES] if isinstance(entry, dict)
        ]
        found.sort(key=_importance)
        texts = [text for entry in found for text in _behind_relay(entry.get("path"), streams)]
        enabled = camera.get("enabled")
        name = camera.get("friendly_name")
        yield _entry(
            name if isinstance(name, str) and name else key, texts, [], enabled if isinstance(enabled, bool) else None
        )


def _importance(entry: dict[Any, Any]) -> int:
    """Frigate records the large stream, and looks for objects in the small one."""
    roles = _texts(entry.get("roles"))
    return 0 if "record" in roles else 2 if "detect" in roles else 1


def _behind_relay(path: Any, streams: dict[str, Any]) -> list[Any]:
    """The source of the stream that `path` gets from the go2rtc inside Frigate, or `path` itself."""
    address, _, _ = split_credentials(str(path))
    try:
        _, host, port = CameraSource(address).endpoint
    except AddressError:
        return [path]
    name = re.split(r"[/?]", address)[3:4]
    if host not in LOCAL or port != RESTREAM_PORT or not name or name[0] not in streams:
        return [path]
    texts = _texts(streams[name[0]])
    return [text for text in texts if _taken([text])[0]][:1] or texts[:1]


# MediaMTX.


def _mediamtx(config: dict[Any, Any]) -> Iterator[Entry]:
    for name, path in _mapping(config, "paths").items():
        source = path.get("source", "publisher") if isinstance(path, dict) else "publisher"
        if name.startswith("~") or name in ("all", "all_others"):
            yield Entry(name, refusal="This entry stands for any number of paths.")
        elif source == "publisher":
            yield Entry(name, refusal="It has no address: a program sends its video to this path.")
        else:
            yield _entry(name, [source], [])


# Sources.


def _entry(name: str, texts: list[Any], substreams: list[Any], enabled: bool | None = None) -> Entry:
    """The camera of the first source that can be taken. Another one of the same camera, also in `substreams`, is its
    substream."""
    sources, refusals = _taken(texts)
    if not sources:
        return Entry(name, refusal=refusals[0] if refusals else "It has no address.")
    main = sources[0]
    substream = _substream(main, [*_taken(substreams)[0], *sources[1:]])
    notes = [NO_LOGIN] if main.has_variable else []
    if CameraSource(main.url).endpoint[1] in LOCAL:
        notes.append(LOOPBACK)
    return Entry(name, main.url, main.username, main.password, substream, enabled, " ".join(notes))


def _taken(texts: list[Any]) -> tuple[list[Source], list[str]]:
    """Returns the sources that can be taken, and why the others cannot."""
    sources, refusals = [], []
    for text in texts:
        try:
            sources.append(_source(text))
        except Refusal as refusal:
            refusals.append(str(refusal))
    return sources, refusals


def _substream(main: Source, others: list[Source]) -> str:
    """Returns the address of another stream of the same camera with the same login, or an empty text."""
    login, endpoint = (main.username, main.password), CameraSource(main.url).endpoint
    for other in others:
        same = (other.username, other.password) == login and CameraSource(other.url).endpoint == endpoint
        if same and other.url != main.url:
            return other.url
    return ""


def _source(text: Any) -> Source:
    """Reads a source as these programs write it: an address, and go2rtc's options after #. Raises Refusal."""
    if not isinstance(text, str) or not text:
        raise Refusal("The source is not an address.")
    address, _, options = text.strip().partition("#")
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if scheme not in SCHEMES:
        known = FOREIGN.match(address)
        if known and known[1] == "rtspx":
            raise Refusal("Write rtsps:// instead of rtspx://. No certificate of a camera is checked here.")
        raise Refusal(f"{known[1]}: sources are not taken. {ONLY}" if known else ONLY)
    for option in options.split("#"):
        if option.startswith(("transport=", "header=")):
            raise Refusal(f"The option #{option.partition('=')[0]} of go2rtc is not supported.")
        if option == "media=audio":
            raise Refusal("This source has sound only.")
    url, username, password = split_credentials(VARIABLE.sub(MARK, address))
    if MARK in url:
        raise Refusal("The file has a variable inside the address. Its value is not in the file.")
    if url.partition("?")[0].lower().endswith(".m3u8"):
        raise Refusal("Playlists (.m3u8) are not supported.")
    known_username, known_password = ("" if MARK in part else part for part in (username, password))
    try:
        _ = CameraSource(url).endpoint
    except AddressError as error:
        raise Refusal(str(error)) from None
    return Source(url, known_username, known_password, has_variable=MARK in username + password)


def _texts(value: Any) -> list[Any]:
    """A stream is one source or a list of them, each a text or a mapping with `url`."""
    values = value[:MAX_SOURCES] if isinstance(value, list) else [] if value is None else [value]
    return [item.get("url") if isinstance(item, dict) else item for item in values]


def _mapping(config: dict[Any, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise yaml_files.YamlError(f"{key}: is not a mapping of names.")
    return {str(name): item for name, item in value.items()}
