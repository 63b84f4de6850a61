"""An ONVIF device that really listens, on 127.0.0.2 or another loopback address. A test may make it lie."""

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "admin", "s3cret"
OPEN = ("GetSystemDateAndTime", "GetServices", "GetCapabilities")  # need no login
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"
 xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{}</s:Body></s:Envelope>"""
FAULT = """<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:{}</s:Value></s:Subcode></s:Code>
<s:Reason><s:Text xml:lang="en">No</s:Text></s:Reason></s:Fault>"""
NOT_AUTHORIZED = FAULT.format("NotAuthorized")
TIME = """<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>
<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime><tt:Time><tt:Hour>0</tt:Hour><tt:Minute>0</tt:Minute>
<tt:Second>0</tt:Second></tt:Time><tt:Date><tt:Year>2001</tt:Year><tt:Month>1</tt:Month><tt:Day>1</tt:Day></tt:Date>
</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"""
SERVICES = """<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</tds:Namespace>
<tds:XAddr>{}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>
</tds:GetServicesResponse>"""
CAPABILITIES = """<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>{}</tt:XAddr>
<tt:StreamingCapabilities/></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"""
PROFILES = "<trt:GetProfilesResponse>{}</trt:GetProfilesResponse>"
PROFILE = """<trt:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name>
<tt:VideoSourceConfiguration token="v"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>
<tt:SourceToken>{source}</tt:SourceToken><tt:Bounds x="0" y="0" width="1280" height="720"/></tt:VideoSourceConfiguration>
<tt:VideoEncoderConfiguration token="{token}"><tt:Name>e</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>
<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality>
</tt:VideoEncoderConfiguration></trt:Profiles>"""
STREAM = """<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>
<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"""


def profile(token: str, width: int, height: int, source: str = "source") -> str:
    return PROFILE.format(token=token, width=width, height=height, source=source)


class Device(ThreadingHTTPServer):
    """`answers`: operation -> text of the answer's body, or a function of the request. `requests`: what was asked."""

    def __init__(self, host: str = "127.0.0.2") -> None:
        super().__init__((host, 0), _Handler)
        self.host, self.port = host, int(self.server_address[1])
        self.url = f"http://{host}:{self.port}/onvif/device_service"
        self.media = f"http://{host}:{self.port}/onvif/media"
        self.requests: list[str] = []
        self.replies: dict[str, bytes] = {}  # operation -> the whole reply
        self.wait = threading.Event()  # set at the end, for requests that are never answered
        self.silent = False
        self.answers: dict[str, str | Callable[[str], str]] = {
            "GetSystemDateAndTime": TIME,
            "GetServices": SERVICES.format(self.media),
            "GetCapabilities": CAPABILITIES.format(self.media),
            # The small one first: devices sort them as they like.
            "GetProfiles": PROFILES.format(profile("sub", 640, 360) + profile("main", 1280, 720)),
            "GetStreamUri": lambda request: STREAM.format(f"rtsp://{host}:554/{_token(request)}"),
        }

    def answer(self, request: str) -> bytes:
        found = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", request)
        operation = found[1] if found else ""
        self.requests.append(operation)
        if operation in self.replies:
            return self.replies[operation]
        if operation not in OPEN and not knows_password(request):
            return ENVELOPE.format(NOT_AUTHORIZED).encode()
        body = self.answers.get(operation, FAULT.format("ActionNotSupported"))
        return ENVELOPE.format(body if isinstance(body, str) else body(request)).encode()

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side may hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: Device

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.silent:
            self.server.wait.wait(30)
            return
        reply = self.server.answer(request)
        if reply.startswith(b"HTTP/"):
            self.wfile.write(reply)
            return
        self.send_response(400 if b"Fault>" in reply else 200)
        self.send_header("Content-Type", "application/soap+xml")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        """Tests have no use for it."""


def knows_password(request: str) -> bool:
    """Whether the digest is of the right password. Its time must be the device's: its clock is decades late."""
    parts = {
        name: re.search(rf"<[\w-]+:{name}\b[^>]*>([^<]*)<", request)
        for name in ("Username", "Password", "Nonce", "Created")
    }
    username, digest, nonce, created = (found[1] if found else "" for found in parts.values())
    wanted = hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode())  # noqa: S324 - of the protocol
    return (
        username == USER and created.startswith("2001-01-01T") and digest == base64.b64encode(wanted.digest()).decode()
    )


def _token(request: str) -> str:
    found = re.search(r"ProfileToken>([^<]*)<", request)
    return found[1] if found else ""


@contextmanager
def device(host: str = "127.0.0.2") -> Iterator[Device]:
    with Device(host) as created:
        thread = threading.Thread(target=created.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield created
        finally:
            created.wait.set()
            created.shutdown()
            thread.join()


# The answer to a search.

MATCH = """<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">
<s:Header><a:MessageID>urn:uuid:1</a:MessageID><a:RelatesTo>{question}</a:RelatesTo>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action>
<d:AppSequence InstanceId="none" MessageNumber="1"/></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>
<a:EndpointReference><a:Address>urn:uuid:2</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/type/video_encoder {scopes}</d:Scopes><d:XAddrs>{urls}</d:XAddrs>
<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


def match(question: str, urls: str, scopes: str = "onvif://www.onvif.org/name/Front%20Door") -> bytes:
    return MATCH.format(question=question, urls=urls, scopes=scopes).encode()


class Network:
    """Stands for the local networks: each search that is sent to it is answered by its `devices`, each with its host and the
    datagrams that it sends."""

    def __init__(self) -> None:
        self.devices: list[tuple[str, Callable[[str], bytes]]] = []
        self.questions: list[bytes] = []

    def send(self, probe: socket.socket, question: bytes) -> None:
        if probe.getsockname()[1] == 0:
            probe.bind(("127.0.0.1", 0))
        self.questions.append(question)
        found = re.search(rb"MessageID>([^<]*)<", question)
        for host, answer in self.devices:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((host, 0))
                sender.sendto(answer(found[1].decode() if found else ""), probe.getsockname())
