"""Searches the local networks for ONVIF devices by WS-Discovery, a multicast question. `search` blocks for `SECONDS`.

The library WSDiscovery is not used: it does not tell from which address an answer came, takes announcements that nobody
asked for, and its thread ends at an answer whose InstanceId is no number.
"""

import contextlib
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

from cameras.texts import NOT_A_LINE

Send = Callable[[socket.socket, bytes], None]

SECONDS = 4.0
REPEAT = 0.5  # seconds after which the question is sent again: datagrams get lost
GROUP = ("239.255.255.250", 3702)
MAX_ANSWERS = 100
MAX_OF_HOST = 4  # a device must not hide the others
NAME_LENGTH = 60
NAME_SCOPE = "onvif://www.onvif.org/name/"
QUESTION = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl"><s:Header>
<a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>
<a:MessageID>{}</a:MessageID>
<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>
<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>
<s:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""

NOT_XML = "Its answer to the search cannot be read."
NO_ADDRESS = "Its answer to the search has no address."
OTHER_ADDRESS = "It says that it is at another address than the one it answers from. Nothing was sent there."


@dataclass(frozen=True)
class Answer:
    """A device to ask: it answered the search, or its address was entered (`found.at`). `host`: its IP address, or
    an entered host name that cannot be resolved. `problem`: why the device cannot be asked, or "". `url`: its ONVIF
    address, which is at `host`, or "" if there is a `problem`. `name`: what the device calls itself, or "".
    """

    host: str
    url: str = ""
    name: str = ""
    problem: str = ""


def to_local_networks(probe: socket.socket, question: bytes) -> None:
    """Send the multicast `question` through the UDP socket `probe` to the networks of all interfaces, except those that
    fail. Routers do not forward it (TTL 1).
    """
    for index, _ in socket.if_nameindex():
        with contextlib.suppress(OSError):  # this interface is down, or has no multicast
            interface = struct.pack("4s4si", bytes(4), bytes(4), index)
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
            probe.sendto(question, GROUP)


def search(send: Send = to_local_networks, seconds: float = SECONDS) -> list[Answer]:
    """Returns the ONVIF devices that answer within `seconds`, and blocks for that long. Takes answers from at most
    MAX_ANSWERS hosts, and MAX_OF_HOST from each. Without a network, the list is empty. `send`: sends the question
    through the socket; it is called twice.
    """
    message_id = f"urn:uuid:{uuid.uuid4()}"
    answers: dict[str, list[Answer]] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        end = time.monotonic() + seconds
        for until in (end - seconds + REPEAT, end):
            send(probe, QUESTION.format(message_id).encode())
            for data, host in _datagrams(probe, until):
                if host not in answers and len(answers) == MAX_ANSWERS:
                    continue
                answer = read(data, host, message_id)
                known = answers.setdefault(host, []) if answer else []
                if answer and answer not in known and len(known) < MAX_OF_HOST:
                    known.append(answer)
    return [answer for known in answers.values() for answer in known]


def _datagrams(probe: socket.socket, until: float) -> Iterator[tuple[bytes, str]]:
    while (left := until - time.monotonic()) > 0:
        probe.settimeout(left)
        try:
            data, sender = probe.recvfrom(0xFFFF)
        except TimeoutError:
            return
        yield data, sender[0]


def read(data: bytes, host: str, message_id: str) -> Answer | None:
    """Parse a datagram from the IP address `host`. Returns None if it can be read, but does not answer the
    question with this `message_id`. If it cannot be read or has no address at `host`, the `Answer` has a `problem`.
    """
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return Answer(host, problem=NOT_XML)
    if root.getroottree().docinfo.doctype:
        return Answer(host, problem=NOT_XML)
    if message_id not in [text.strip() for text in _texts(root, "RelatesTo")]:
        return None
    urls = [url for text in _texts(root, "XAddrs") for url in text.split()]
    own = next((url for url in urls if _is_at(url, host)), "")
    problem = "" if own else OTHER_ADDRESS if urls else NO_ADDRESS
    return Answer(host, own, _name([scope for text in _texts(root, "Scopes") for scope in text.split()]), problem)


def _texts(root: etree._Element, name: str) -> list[str]:
    return [element.text or "" for element in root.iter(f"{{*}}{name}")]


def _is_at(url: str, host: str) -> bool:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname == host and parts.port != 0 and "@" not in url
    return False


def _name(scopes: list[str]) -> str:
    """Returns the name in the ONVIF scopes of a device, which its owner or its maker gave it, as one short line. "":
    there is none.
    """
    names = [unquote(scope.removeprefix(NAME_SCOPE)) for scope in scopes if scope.startswith(NAME_SCOPE)]
    return NOT_A_LINE.sub("", names[0]).strip()[:NAME_LENGTH].strip() if names else ""
