"""The HTTP of a rogue camera, which misbehaves on purpose: each mode is an answer to GET. The path of a request picks
the mode.
"""

import time
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, repeat

from bench import rogue_video as video
from bench.rogue_connection import RogueConnection
from cameras.simulator.stream import Codec
from tests.servers import ROOT

Answer = Iterator[bytes]
TEXT = b"The secret of another page\r\n" * 10_000
MULTIPART = "multipart/x-mixed-replace; boundary=B"
SECRET = ROOT / "requirements.txt"  # a local file; no camera may make the server read it


def converse(connection: RogueConnection, first: bytes, elsewhere: str) -> None:
    """Answer the request `first` in the mode that its path names (another path: as a healthy camera). Returns when the
    whole answer is sent. Raises OSError if the other side hangs up first, or if the mode is to hang up.

    `elsewhere`: host and port of a canary, a server that must get no request. Answers that lead to another address name
    it.
    """
    mode = first.split(b" ", 2)[1].decode("latin-1").strip("/").partition("?")[0].removesuffix(".txt")
    connection.send_all(MODES.get(mode, well)(f"{elsewhere}/{mode}"))


def head(kind: str, *headers: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers, "")).encode()


def whole(kind: str, body: bytes) -> bytes:
    return head(kind, f"Content-Length: {len(body)}", "Connection: close") + body


def jpeg() -> bytes:
    return video.units(codec=Codec.MJPEG)[0].parts[0]


def part(picture: bytes, length: int | None = None) -> bytes:
    size = len(picture) if length is None else length
    return f"--B\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n".encode() + picture + b"\r\n"


def paced(parts: Iterator[bytes]) -> Answer:
    for data in parts:
        yield data
        time.sleep(1 / video.RATE)


# The modes. Each gets the canary's address with the mode's name, and returns the bytes to send.


def well(other: str) -> Answer:
    return chain([head(MULTIPART)], paced(repeat(part(jpeg()))))


def silence(other: str) -> Answer:
    return repeat(b"")


def silence_after_headers(other: str) -> Answer:
    return iter([head(MULTIPART), b""])


def drip(other: str) -> Answer:
    for byte in head(MULTIPART) + part(jpeg()):
        yield bytes((byte,))
        time.sleep(1)


def endless_headers(other: str) -> Answer:
    return chain([b"HTTP/1.1 200 OK\r\n"], repeat(b"X-Header: " + b"y" * 50_000 + b"\r\n"))


def endless_line(other: str) -> Answer:
    return chain([b"HTTP/1.1 200 OK\r\nX-Header: "], repeat(b"y" * 50_000))


def huge_part(other: str) -> Answer:
    return chain([head(MULTIPART), part(jpeg(), video.PICTURE)], repeat(b"\xa5" * 50_000))


def endless_part(other: str) -> Answer:
    start = b"--B\r\nContent-Type: image/jpeg\r\n\r\n"
    return chain([head(MULTIPART), start, jpeg()[:-2]], repeat(b"\xa5" * 50_000))


def endless_part_headers(other: str) -> Answer:
    return chain([head(MULTIPART), b"--B\r\n"], repeat(b"X-Header: " + b"y" * 50_000 + b"\r\n"))


def endless_jpeg(other: str) -> Answer:
    return chain([head("image/jpeg"), jpeg()[:-2]], repeat(b"\xa5" * 50_000))


def endless_chunk(other: str) -> Answer:
    start = head(MULTIPART, "Transfer-Encoding: chunked") + b"7FFFFFFFFFFF\r\n"
    return chain([start, part(jpeg(), video.PICTURE)], repeat(b"\xa5" * 50_000))


def bomb(other: str) -> Answer:
    """Returns an answer with a picture of 300 MB of zeros, which gzip makes 300 kB on the wire."""
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packed.compress(b"\0" * 1_000_000) for _ in range(300)) + packed.flush()
    body = part(jpeg(), video.PICTURE)
    start = zlib.compress(body, 9, 31)
    return iter([head(MULTIPART, "Content-Encoding: gzip"), start, data, b""])


def huge_dimensions(other: str) -> Answer:
    picture = jpeg()
    at = picture.index(b"\xff\xc0") + 5
    huge = video.HUGE.to_bytes(2, "big") * 2
    return chain([head(MULTIPART)], paced(repeat(part(picture[:at] + huge + picture[at + 4 :]))))


def truncated(other: str) -> Answer:
    picture = jpeg()
    return chain([head(MULTIPART)], paced(repeat(part(picture[: len(picture) // 2]))))


def wrong_lengths(other: str) -> Answer:
    return chain([head(MULTIPART)], paced(repeat(part(jpeg(), 7) + part(jpeg(), -1) + part(jpeg()))))


def playlist(other: str) -> Answer:
    lines = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://{other}/1.ts\n"
    yield whole("application/vnd.apple.mpegurl", lines.encode())


def playlist_keys(other: str) -> Answer:
    lines = f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="http://{other}"\n#EXTINF:2,\nwell\n'
    yield whole("application/x-mpegurl", lines.encode())


def playlist_file(other: str) -> Answer:
    lines = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{SECRET}\n#EXTINF:2,\nhttp://{other}\n"
    yield whole("application/vnd.apple.mpegurl", lines.encode())


def playlist_dash(other: str) -> Answer:
    template = f'<SegmentTemplate media="http://{other}" initialization="http://{other}" duration="2"/>'
    inner = f'<Representation id="1" bandwidth="1" codecs="avc1" mimeType="video/mp4">{template}</Representation>'
    document = (
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>{inner}'
    )
    yield whole("application/dash+xml", f"{document}</AdaptationSet></Period></MPD>".encode())


def playlist_concat(other: str) -> Answer:
    yield whole("text/plain", f"ffconcat version 1.0\nfile 'http://{other}'\n".encode())


def playlist_sdp(other: str) -> Answer:
    lines = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n"
    yield whole("application/sdp", f"{lines}a=rtpmap:96 H264/90000\r\na=control:rtsp://{other}\r\n".encode())


def playlist_rtsp(other: str) -> Answer:
    yield whole("text/plain", f"RTSPtext\r\nrtsp://{other}\r\n".encode())


def text(other: str) -> Answer:
    yield whole("text/plain", TEXT)


def redirect(status: str, target: str) -> Callable[[str], Answer]:
    def answered(other: str) -> Answer:
        location = target.format(other=other)
        yield head("text/html", f"Location: {location}", "Content-Length: 0", "Connection: close", status=status)

    return answered


def stream_garbage(kind: str, start: bytes, every: int) -> Callable[[str], Answer]:
    """Returns a mode (a function that makes an answer): the signature of a container format, `start`, at each `every`
    bytes, and noise between. `kind`: the content type.
    """

    def answered(other: str) -> Answer:
        noise = (start + data[: every - len(start)] for data in video.garbage())
        return chain([head(kind)], paced(b"".join(next(noise) for _ in range(20)) for _ in repeat(None)))

    return answered


def garbage(other: str) -> Answer:
    return paced(video.garbage())


def hang_up(other: str) -> Answer:
    yield head(MULTIPART) + part(jpeg()) + part(jpeg())[:2_000]
    raise ConnectionError("hung up in the middle")


MODES: dict[str, Callable[[str], Answer]] = {
    "silent": silence,
    "silent-after-headers": silence_after_headers,
    "drip": drip,
    "endless-headers": endless_headers,
    "endless-line": endless_line,
    "endless-part": endless_part,
    "endless-part-headers": endless_part_headers,
    "endless-jpeg": endless_jpeg,
    "endless-chunk": endless_chunk,
    "huge-part": huge_part,
    "gzip-bomb": bomb,
    "huge-dimensions": huge_dimensions,
    "truncated": truncated,
    "wrong-lengths": wrong_lengths,
    "playlist": playlist,
    "playlist-keys": playlist_keys,
    "playlist-file": playlist_file,
    "playlist-dash": playlist_dash,
    "playlist-concat": playlist_concat,
    "playlist-sdp": playlist_sdp,
    "playlist-rtsp": playlist_rtsp,
    "text": text,
    "redirect-301": redirect("301 Moved Permanently", "http://{other}"),
    "redirect-302": redirect("302 Found", "http://{other}"),
    "redirect-307": redirect("307 Temporary Redirect", "http://{other}"),
    "redirect-rtsp": redirect("302 Found", "rtsp://{other}"),
    "redirect-file": redirect("302 Found", f"file://{SECRET}"),
    "redirect-itself": redirect("302 Found", "/redirect-itself"),
    "mpegts-garbage": stream_garbage("video/mp2t", b"\x47\x40\x00\x10", 188),
    "flv-garbage": stream_garbage("video/x-flv", b"FLV\x01\x05\0\0\0\x09\0\0\0\0", 2_000),
    "garbage": garbage,
    "hang-up": hang_up,
}
