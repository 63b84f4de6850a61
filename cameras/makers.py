"""Stream addresses of common makers' cameras, and where they are documented. HOST stands for the camera's host name or
IP address, and KEY for a part of the address that the maker's software shows.

docs/cameras.md has the same list; a test compares the two.
"""

from dataclasses import dataclass

GO2RTC = "https://github.com/AlexxIT/go2rtc/blob/master/internal/"


@dataclass(frozen=True)
class Maker:
    name: str
    main: str  # address of the stream
    sub: str  # of the substream; empty: it depends on the camera's settings
    source: str  # the page that says so


MAKERS = (
    Maker(
        "Amcrest",
        "rtsp://HOST:554/cam/realmonitor?channel=1&subtype=0",
        "rtsp://HOST:554/cam/realmonitor?channel=1&subtype=1",
        GO2RTC + "rtsp/README.md",
    ),
    Maker(
        "Axis",
        "rtsp://HOST/axis-media/media.amp",
        "rtsp://HOST/axis-media/media.amp?resolution=640x360",
        "https://developer.axis.com/video-streaming-and-recording/video-streaming/reference/rtsp-endpoints/",
    ),
    Maker(
        "Dahua",
        "rtsp://HOST/cam/realmonitor?channel=1&subtype=0",
        "rtsp://HOST/cam/realmonitor?channel=1&subtype=1",
        GO2RTC + "rtsp/README.md",
    ),
    Maker(
        "Hanwha (Wisenet)",
        "rtsp://HOST/profile2/media.smp",
        "",
        "https://support.hanwhavision.eu/hc/en-gb/articles/4414178841746-RTSP-URLs",
    ),
    Maker(
        "Hikvision",
        "rtsp://HOST:554/Streaming/Channels/101",
        "rtsp://HOST:554/Streaming/Channels/102",
        "https://securitycamcenter.com/rtsp-url-address-format-hikvision/",
    ),
    Maker(
        "Milesight",
        "rtsp://HOST:554/main",
        "rtsp://HOST:554/sub",
        "https://support.milesight.com/support/solutions/articles/"
        "69000859092-rtsp-stream-of-milesight-network-camera-nvr-vms",
    ),
    Maker(
        "Reolink",
        "rtsp://HOST/Preview_01_main",
        "rtsp://HOST/Preview_01_sub",
        "https://support.reolink.com/hc/en-us/articles/900000630706-Introduction-to-RTSP/",
    ),
    Maker("Sonoff", "rtsp://HOST/av_stream/ch0", "rtsp://HOST/av_stream/ch1", GO2RTC + "streams/README.md"),
    Maker("TP-Link (Tapo)", "rtsp://HOST/stream1", "rtsp://HOST/stream2", GO2RTC + "streams/README.md"),
    Maker("UniFi Protect", "rtsps://HOST:7441/KEY", "", GO2RTC + "rtsp/README.md"),
    Maker(
        "Uniview",
        "rtsp://HOST:554/media/video1",
        "rtsp://HOST:554/media/video2",
        "https://mofulls.pixnet.net/blog/post/351191279",
    ),
    Maker(
        "VIVOTEK",
        "rtsp://HOST/live1s1.sdp",
        "rtsp://HOST/live1s2.sdp",
        "http://manualsdir.com/manuals/864963/vivotek-s-series-iz9361-eh-1080p-outdoor-network-bullet-camera-with-heater.html?page=413",
    ),
)
