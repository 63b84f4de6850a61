"""Asks an ONVIF device for the addresses of its streams. The only module that uses the library onvif-zeep-async.

The device is not trusted. Requests go only to the scheme, host and port of the address that the caller gives:
redirects and a media service at another place are refused. The size of each response is limited, and so is the time
of all requests to a device together.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import onvif
from lxml import etree
from onvif.util import is_auth_error
from requests import Response
from zeep.exceptions import Error, Fault
from zeep.settings import Settings

from cameras.sources import AddressError, CameraSource, split_credentials

SECONDS = 10.0  # for one device
MAX_BYTES = 300_000  # of one answer
MAX_ADDRESS = 1000
MAX_PROFILES = 64
MAX_CHANNELS = 16
WSDL = Path(onvif.__file__).parent / "wsdl"
SETTINGS = Settings(strict=False, forbid_dtd=True, forbid_external=True)
MEDIA = onvif.SERVICES["media"]["ns"]
# zeep passes on whatever goes wrong in reading an unexpected answer.
UNREADABLE = (
    Error,
    onvif.ONVIFError,
    etree.LxmlError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
)

WRONG_LOGIN = "The device refused the user name or the password. Some cameras have a user of their own for ONVIF."
NO_LOGIN = "The device wants a user name and a password."
NO_ANSWER = "The device did not answer in time."
NO_CONNECTION = "The connection failed: nothing that speaks HTTP is at this address and port."
NOT_ONVIF = "Its answers are not ONVIF."
REFUSED = "The device refused the request."
TOO_LONG = f"Its answer has more than {MAX_BYTES:,} bytes."
REDIRECT = "It sends requests on to another address. Nothing was sent there."
OTHER_SERVICE = "It says that its media service is at another address than its own. Nothing was sent there."
NO_PROFILES = "It has no profile with video."
OTHER_STREAM = "It says that its stream is at another host than its own."
NO_STREAM = "The address that it gives for its stream is not rtsp://, rtsps://, http:// or https://."
NO_SUBSTREAM = "The substream is left out: its address is not on this device."

logging.getLogger("zeep").setLevel(logging.CRITICAL)  # it logs each value that it cannot read


class DeviceError(Exception):
    """A device, or one of its video sources, gives no usable stream address. The message tells users why, and contains
    no text of the device.
    """


@dataclass(frozen=True)
class Channel:
    """A video source of a device. `stream_url`: of its profile with the most pixels. `substream_url`: of the one with
    the fewest, or "". `note`: tells users that the substream's address cannot be used, or "". `problem`: why
    there is no `stream_url`.
    """

    stream_url: str = ""
    substream_url: str = ""
    note: str = ""
    problem: str = ""


async def channels(url: str, username: str, password: str, seconds: float = SECONDS) -> list[Channel]:
    """Returns the video sources, at most MAX_CHANNELS, of the device whose ONVIF address is `url`. An empty
    `username`: asks without a login. A source has a `problem` if its address is not usable, or if the request for
    it gets status 401, a redirect or a too long response. Raises DeviceError if a request before that gets one of
    these, or a necessary request gets a SOAP fault, even for one source only. Also raises it if the device cannot
    be reached or read, has no video, or takes longer than `seconds`.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=False),  # as everywhere, certificates of cameras are not checked
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        device = _Device(url, username, password, session)
        try:
            async with asyncio.timeout(seconds):
                return await device.channels()
        except TimeoutError as error:
            raise DeviceError(NO_ANSWER) from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeviceError(NO_CONNECTION) from error
        except Fault as error:
            raise DeviceError(device.no_login if is_auth_error(error) else REFUSED) from error
        except (*UNREADABLE, RecursionError) as error:
            raise DeviceError(NOT_ONVIF) from error
        finally:
            await device.close()


async def prepare() -> None:
    """Load the library's descriptions of the ONVIF services (WSDL) into memory. The first call in a process takes
    seconds, which then do not count as a device's time. Sends nothing.
    """
    async with aiohttp.ClientSession() as session:
        device = _Device("http://127.0.0.1", "", "", session)
        for name in ("devicemgmt", "media"):
            await device.service(name, "http://127.0.0.1")
        await device.close()


class _BoundedTransport:
    """Sends the requests of zeep, the SOAP library, by `session`. Raises DeviceError for status 401 (message:
    `no_login`), for a redirect, and for a response of more than MAX_BYTES. zeep can load no documents by it.
    """

    def __init__(self, session: aiohttp.ClientSession, no_login: str) -> None:
        self._http, self._no_login = session, no_login

    async def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> Response:
        async with self._http.post(
            address,
            data=etree.tostring(envelope, xml_declaration=True, encoding="utf-8"),
            headers={**headers, "Accept-Encoding": "identity"},
            allow_redirects=False,
        ) as answer:
            if answer.status == 401:
                raise DeviceError(self._no_login)
            if 300 <= answer.status < 400:
                raise DeviceError(REDIRECT)
            content = bytearray()
            async for chunk in answer.content.iter_any():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise DeviceError(TOO_LONG)
            response = Response()
            response.status_code, response._content = answer.status, bytes(content)
            return response  # without headers, so zeep takes it for plain XML and nothing else

    async def aclose(self) -> None:
        """Do nothing. The session is closed by the function that opened it."""


class _Device:
    def __init__(self, url: str, username: str, password: str, session: aiohttp.ClientSession) -> None:
        self._url, self._username, self._password = url, username, password
        self.no_login = WRONG_LOGIN if username else NO_LOGIN
        self._transport = _BoundedTransport(session, self.no_login)
        self._offset: timedelta | None = None  # of the device's clock: digests contain the time
        self._services: list[Any] = []

    async def close(self) -> None:
        for service in self._services:
            await service.close()

    async def channels(self) -> list[Channel]:
        device = await self.service("devicemgmt", self._url)
        self._offset = await self._clock_offset(device)
        media = await self.service("media", await self._media_url(await self.service("devicemgmt", self._url)))
        sources: dict[str, list[Any]] = {}
        for profile in (await self._call(media, "GetProfiles") or [])[:MAX_PROFILES]:
            if _pixels(profile):
                source = profile.VideoSourceConfiguration
                sources.setdefault(source.SourceToken if source else "", []).append(profile)
        if not sources:
            raise DeviceError(NO_PROFILES)
        return [await self._channel(media, profiles) for profiles in list(sources.values())[:MAX_CHANNELS]]

    async def service(self, name: str, url: str) -> Any:
        """Returns the library's client of an ONVIF service ("devicemgmt" or "media") at `url`. Its requests go through
        `_BoundedTransport`, and it leaves no cache on the disk.
        """
        known = onvif.SERVICES[name]
        service = onvif.ONVIFService(
            url,
            self._username,
            self._password,
            str(WSDL / known["wsdl"]),
            no_cache=True,
            dt_diff=self._offset,
            binding_name=f"{{{known['ns']}}}{known['binding']}",
        )
        self._services.append(service)
        service.transport = self._transport
        await service.setup()
        service.zeep_client.settings = service.zeep_client_authless.settings = SETTINGS
        return service

    async def _call(self, service: Any, operation: str, **arguments: Any) -> Any:
        return await getattr(service, operation if self._username else f"authless_{operation}")(arguments)

    async def _clock_offset(self, device: Any) -> timedelta | None:
        try:
            told = (await device.authless_GetSystemDateAndTime()).UTCDateTime
            day, time = told.Date, told.Time
            now = datetime(day.Year, day.Month, day.Day, time.Hour, time.Minute, time.Second, tzinfo=UTC)
        except UNREADABLE:  # then its clock is taken to be right
            return None
        return now - datetime.now(UTC)

    async def _media_url(self, device: Any) -> str:
        try:
            services = await self._call(device, "GetServices", IncludeCapability=False)
            urls = [service.XAddr for service in services or [] if service.Namespace == MEDIA]
        except Fault:  # older devices have GetCapabilities only
            urls = []
        if not urls:
            urls = [(await self._call(device, "GetCapabilities", Category="Media")).Media.XAddr]
        if _origin(urls[0]) != _origin(self._url):
            raise DeviceError(OTHER_SERVICE)
        return str(urls[0])

    async def _channel(self, media: Any, profiles: Iterable[Any]) -> Channel:
        ordered = sorted(profiles, key=_pixels)
        main, sub = ordered[-1], ordered[0]
        try:
            stream = await self._stream_url(media, main)
        except DeviceError as error:
            return Channel(problem=str(error))
        try:
            substream = await self._stream_url(media, sub) if _pixels(sub) < _pixels(main) else ""
        except (DeviceError, Fault):
            return Channel(stream, note=NO_SUBSTREAM)
        return Channel(stream, substream if substream != stream else "")

    async def _stream_url(self, media: Any, profile: Any) -> str:
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        told = await self._call(media, "GetStreamUri", StreamSetup=setup, ProfileToken=profile.token)
        text = str(told.Uri or "").strip()
        if len(text) > MAX_ADDRESS:
            raise DeviceError(NO_STREAM)
        url, _, _ = split_credentials(text)  # the login is the one that was entered
        try:
            _, host, _ = CameraSource(url).endpoint
        except AddressError as error:
            raise DeviceError(NO_STREAM) from error
        if host != urlsplit(self._url).hostname:
            raise DeviceError(OTHER_STREAM)
        return url


def _pixels(profile: Any) -> int:
    """Returns the number of pixels in a picture of this profile, or 0 if it has no video."""
    encoder = profile.VideoEncoderConfiguration
    return encoder.Resolution.Width * encoder.Resolution.Height if encoder and encoder.Resolution else 0


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
