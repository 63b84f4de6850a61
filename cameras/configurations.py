"""Reads the cameras from configuration files of the video servers go2rtc, Frigate and MediaMTX, for `imports.py`.

Only rtsp://, rtsps://, http:// and https:// addresses are imported. These files may also name commands or files as
sources of video: such sources are refused, and never run or opened. No message contains an address, because addresses
contain passwords.
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
    """An entry of a configuration file: a camera, or with `refusal` the reason why it cannot be imported. `note`: what
    the administrator still has to do.
    """

    name: str
    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    substream_url: str = ""
    enabled: bool | None = None  # None: the file does not say
    note: str = ""
    refusal: str = ""

    def row(self) -> dict[str, str]:
        """Returns the cells of an import, by column: only the camera's fields that the file has. An existing camera
        keeps its values of the others. Only for entries without `refusal`.
        """
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
    """The address of a stream in a configuration file, with its credentials apart."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    has_variable: bool = False  # such as ${PASSWORD}, in the user name or the password: the one with it is ""


class Refusal(Exception):
    """A source of video in the file cannot be imported. The message tells users why."""


def cameras_of(text: str) -> list[Entry]:
    """Returns an `Entry` for each camera in `text`, a YAML configuration file of go2rtc, Frigate or MediaMTX. Entries
    that cannot be imported have a `refusal`. Raises YamlError if the text cannot be read or is of none of the three.
    """
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
    """Returns whether `name` is NAME_sub, and has an address that differs from that of the entry NAME, with the same
    scheme, host, port and login. Frigate's documentation names the smaller stream of a camera so. `streams`: the
    sources of each entry, as in the file.
    """
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
    """Returns the sort key of an input of a Frigate camera, lowest first: 0 if Frigate records it (mostly the large
    stream), 2 if it looks for objects in it without recording it (mostly the small stream), 1 for other inputs.
    """
    roles = _texts(entry.get("roles"))
    return 0 if "record" in roles else 2 if "detect" in roles else 1


def _behind_relay(path: Any, streams: dict[str, Any]) -> list[Any]:
    """Returns the source to import for `path`, an input of a Frigate camera, in a list. If `path` is a stream of the
    go2rtc inside Frigate, that is the stream's first source that can be imported, or its first one if none can. The
    list is empty if the stream has no source. Any other `path` is returned as it is. `streams`: name of each stream of
    that go2rtc -> its sources.
    """
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
    """Returns the entry of a camera, with the first source in `texts` that can be imported. Its substream (smaller
    stream) is the first other address of the same scheme, host, port and login, in `substreams` or else later in
    `texts`. If no source in `texts` can be imported, the entry has only `name` and `refusal`.
    """
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
    """Returns the sources in `texts` that can be imported, and the reasons why the others cannot."""
    sources, refusals = [], []
    for text in texts:
        try:
            sources.append(_source(text))
        except Refusal as refusal:
            refusals.append(str(refusal))
    return sources, refusals


def _substream(main: Source, others: list[Source]) -> str:
    """Returns the first address in `others` that differs from that of `main` and has the same scheme, host, port and
    login. Returns "" if there is none.
    """
    login, endpoint = (main.username, main.password), CameraSource(main.url).endpoint
    for other in others:
        same = (other.username, other.password) == login and CameraSource(other.url).endpoint == endpoint
        if same and other.url != main.url:
            return other.url
    return ""


def _source(text: Any) -> Source:
    """Parse a source of video as in the configuration files: an address, which may have options of go2rtc after `#`.
    Raises Refusal if it cannot be imported, or has the option `transport=`, `header=` or `media=audio`. Other options
    are ignored.
    """
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
    """Returns the sources in `value` as a list, at most MAX_SOURCES. `value` is None, one source or a list of sources;
    a source is a text, or a mapping, whose `url` is returned.
    """
    values = value[:MAX_SOURCES] if isinstance(value, list) else [] if value is None else [value]
    return [item.get("url") if isinstance(item, dict) else item for item in values]


def _mapping(config: dict[Any, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise yaml_files.YamlError(f"{key}: is not a mapping of names.")
    return {str(name): item for name, item in value.items()}
