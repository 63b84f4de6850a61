"""The cameras that are taken from the configuration files of other programs. The examples are from their documentation."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.configurations import LOOPBACK, NO_LOGIN, Entry, cameras_of
from cameras.sources import SCHEMES, check_address
from cameras.yaml_files import MAX_ALIASES, MAX_BYTES, YamlError

EXAMPLES = Path(__file__).parent / "configurations"
ONLY = "Only rtsp://, rtsps://, http:// and https:// addresses are taken."


def example(name: str) -> dict[str, Entry]:
    return {entry.name: entry for entry in cameras_of((EXAMPLES / name).read_text())}


def go2rtc(source: str) -> Entry:
    (entry,) = cameras_of(f"streams:\n  yard: {source}\n")
    return entry


def test_the_example_of_go2rtc() -> None:
    found = example("go2rtc.yaml")
    realmonitor = "rtsp://192.168.1.123/cam/realmonitor?channel=1&subtype="
    assert found["sonoff_camera"] == Entry("sonoff_camera", "rtsp://192.168.1.123/av_stream/ch0", "rtsp", "12345678")
    assert found["dahua_camera"] == Entry(
        "dahua_camera", f"{realmonitor}0&unicast=true&proto=Onvif", "admin", "password", f"{realmonitor}1"
    )
    assert found["amcrest_doorbell"].url == "rtsp://192.168.1.123:554/cam/realmonitor?channel=1&subtype=0"
    assert found["http-reolink1"].url.startswith("http://192.168.10.92/flv?")
    assert {name: entry.refusal for name, entry in found.items() if entry.refusal} == {
        "unifi_camera": "Write rtsps:// instead of rtspx://. No certificate of a camera is checked here.",
        "glichy_camera": f"ffmpeg: sources are not taken. {ONLY}",
        "rtmp-reolink1": f"rtmp: sources are not taken. {ONLY}",
        "onvif-dahua1": f"onvif: sources are not taken. {ONLY}",
        "exec-h264-pipe": f"exec: sources are not taken. {ONLY}",
    }


def test_the_example_of_frigate() -> None:
    found = example("frigate.yml")
    assert found["back"] == Entry(
        "back",
        "rtsp://10.0.10.10:554/live",
        "viewer",
        substream_url="rtsp://10.0.10.10:554/cam/realmonitor?channel=1&subtype=2",
        enabled=True,
        note=NO_LOGIN,
    )
    assert found["name_your_rtsp_cam"] == Entry(
        "name_your_rtsp_cam", "rtsp://192.168.1.5:554/live0", substream_url="rtsp://192.168.1.5:554/substream"
    )
    assert found["stream1"].refusal == f"exec: sources are not taken. {ONLY}"
    assert len(found) == 3


def test_the_example_of_mediamtx() -> None:
    found = example("mediamtx.yml")
    assert found["proxied"] == Entry("proxied", "rtsp://original-url")
    assert found["my_camera"] == Entry("my_camera", "rtsp://my_camera")
    assert {name: entry.refusal for name, entry in found.items() if entry.refusal} == {
        "~^mycam/([^/]+)/([^/]+)/(.+)$": "This entry stands for any number of paths.",
        "cam": f"rpiCamera: sources are not taken. {ONLY}",
        "all_others": "This entry stands for any number of paths.",
    }


@pytest.mark.parametrize(
    "source",
    [
        "exec:rtsp://ada:s3cret@camera/",
        '"exec: rtsp://camera/"',
        "ffmpeg:rtsp://ada:s3cret@camera/",
        "echo:rtsp://camera/",
        "expr:x",
        "/etc/passwd",
        "file:///etc/passwd",
        "concat:rtsp://camera/",
        "ada:s3cret@camera",
        "s3cret",
        '"rtsp://ada:s3cret@camera/a b"',
        '"rtsp://ada:s3cret@camera:port/"',
        "rtsp:///live",
        "rtsp://ada:s3cret@camera/live#transport=ws://ada:s3cret@camera",
        "http://ada:s3cret@camera/mjpeg#header=s3cret",
        "rtsp://ada:s3cret@camera/live#media=audio",
        "https://camera/live.M3U8?token=s3cret",
        "rtsp://${HOST}/live",
        "[[rtsp://camera/]]",
        "{exec: rtsp://camera/}",
        "~",
        "[]",
        "true",
        "554",
    ],
)
def test_nothing_but_an_address_is_taken_and_no_reason_repeats_it(source: str) -> None:
    entry = go2rtc(source)
    assert entry.refusal
    assert not entry.url
    assert "s3cret" not in entry.refusal
    assert "ada" not in entry.refusal


def test_the_first_source_that_can_be_taken_is() -> None:
    assert go2rtc("[exec:a, rtsp://camera/live, ffmpeg:yard]").url == "rtsp://camera/live"
    assert go2rtc("{url: rtsp://camera/live}").url == "rtsp://camera/live"


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("rtsp://${USER:ada}:${PASSWORD}@camera/", ("", "")),
        ("rtsp://ada:${PASSWORD:a@b/c}@camera/", ("ada", "")),
        ("rtsp://{FRIGATE_USER}:s3cret@camera/", ("", "s3cret")),
    ],
)
def test_a_variable_in_the_login_is_left_out_with_a_note(address: str, login: tuple[str, str]) -> None:
    entry = go2rtc(f'"{address}"')
    assert (entry.url, entry.username, entry.password, entry.note) == ("rtsp://camera/", *login, NO_LOGIN)


@pytest.mark.parametrize(
    ("other", "is_substream"),
    [
        ("rtsp://ada:a@camera/sub", True),
        ("rtsp://ada:b@camera/sub", False),
        ("rtsp://ada:a@other/sub", False),
        ("rtsp://ada:a@camera/live", False),
        ("exec:a", False),
    ],
)
def test_a_second_stream_belongs_to_the_camera_with_its_host_and_login_only(other: str, is_substream: bool) -> None:
    found = cameras_of(f'streams:\n  yard: rtsp://ada:a@camera/live\n  yard_sub: "{other}"\n')
    assert [entry.name for entry in found] == (["yard"] if is_substream else ["yard", "yard_sub"])
    assert found[0].substream_url == ("rtsp://camera/sub" if is_substream else "")


def test_a_frigate_camera_has_its_friendly_name_and_says_whether_it_is_enabled() -> None:
    text = (
        "cameras:\n  c1:\n    friendly_name: North yard\n    enabled: no\n    ffmpeg: {inputs: [{path: rtsp://a/}]}\n"
    )
    assert cameras_of(text) == [Entry("North yard", "rtsp://a/", enabled=False)]


def test_an_address_of_the_machine_itself_gets_a_note() -> None:
    text = "cameras:\n  yard: {ffmpeg: {inputs: [{path: 'rtsp://127.0.0.1:8554/yard'}]}}\n"
    assert cameras_of(text) == [Entry("yard", "rtsp://127.0.0.1:8554/yard", note=LOOPBACK)]


@pytest.mark.parametrize(
    "camera", ["~", "text", "[]", "{ffmpeg: ~}", "{ffmpeg: {inputs: ~}}", "{ffmpeg: {inputs: [a, ~, {path: ~}, {}]}}"]
)
def test_a_frigate_camera_without_inputs_is_left_out(camera: str) -> None:
    assert cameras_of(f"cameras:\n  yard: {camera}\n")[0].refusal


def test_frigate_s_own_relay_is_replaced_by_the_camera_also_with_a_login() -> None:
    text = "go2rtc: {streams: {yard: [exec:a, rtsp://camera/]}}\ncameras:\n  yard: {ffmpeg: {inputs: [{path: '%s'}]}}\n"
    for address in ("rtsp://127.0.0.1:8554/yard?video", "rtsp://{FRIGATE_USER}:a@localhost:8554/yard"):
        assert cameras_of(text % address)[0].url == "rtsp://camera/"


def test_the_go2rtc_part_of_frigate_is_read_if_there_are_no_cameras() -> None:
    assert cameras_of("go2rtc:\n  streams:\n    yard: rtsp://camera/\n") == [Entry("yard", "rtsp://camera/")]
    assert cameras_of("streams:\n") == []


@pytest.mark.parametrize("text", ["", "a", "[]", "a: b", "streams: text", "paths: [a]", "go2rtc: {}"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        cameras_of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("streams:\n  yard: !!python/object/apply:os.system ['touch s3cret']\n", "Line 2 is not YAML"),
        ("streams:\n  yard: !s3cret x\n", "Line 2 is not YAML"),
        ("streams:\n  yard: *s3cret\n", "Line 2 is not YAML"),
        ("streams:\n\tyard: s3cret\n", "Line 2 is not YAML"),
        ("streams: {s3cret: [\n", "Line 2 is not YAML"),
        ("--- s3cret\n--- b\n", "Line 2 is not YAML"),
        ("streams: s3cret\x01", "characters that YAML does not allow"),
        ("[" * 10_000, "nested too deeply"),
        ("a: &a ~\nb: [" + "*a," * (MAX_ALIASES + 1) + "]", f"more than {MAX_ALIASES} aliases"),
        ("#" * (MAX_BYTES + 1), "at most 250,000"),
    ],
)
@pytest.mark.timeout(10)
def test_a_file_that_is_broken_or_costs_too_much_is_refused_without_repeating_it(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message) as raised:
        cameras_of(text)
    assert "s3cret" not in str(raised.value)


@pytest.mark.timeout(10)
def test_aliases_cannot_multiply_what_a_file_holds() -> None:
    names = "abcdefghij"
    lists = "".join(f"{name}: &{name} [{','.join([f'*{before}'] * 20)}]\n" for before, name in pairwise(names))
    merges = lists.replace("[", "{<<: [").replace("]", "]}")
    assert cameras_of(f"a: &a [rtsp://camera/]\n{lists}streams: {{yard: *j}}\n")[0].refusal
    assert cameras_of(f"a: &a {{yard: rtsp://camera/}}\n{merges}streams: *j\n") == [Entry("yard", "rtsp://camera/")]


ADDRESSES = (
    *(
        "rtsp://ada:a@camera/1",
        "rtsp://ada:a@camera/2",
        "rtsp://127.0.0.1:8554/yard",
        "rtsp://{FRIGATE_A}@camera/",
        "rtsp://",
    ),
    *("http://[::1", "rtsp://a:b:c@d@e/", "exec:a", "ffmpeg:rtsp://camera/", "${A}", "#", "publisher", "yard"),
)
names = st.sampled_from(
    ("yard", "yard_sub", "gate", "all_others", "url", "path", "roles", "source", "ffmpeg", "inputs")
)
values = st.recursive(
    st.sampled_from(ADDRESSES) | st.text(max_size=5) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
streams = st.dictionaries(names, values, max_size=4) | values
inputs = st.lists(
    st.fixed_dictionaries({"path": values, "roles": st.lists(st.sampled_from(("record", "detect")))}), max_size=3
)
cameras = st.dictionaries(names, st.fixed_dictionaries({"ffmpeg": st.fixed_dictionaries({"inputs": inputs})}) | values)
configs = (
    st.fixed_dictionaries({"streams": streams})
    | st.fixed_dictionaries({"paths": st.dictionaries(names, st.fixed_dictionaries({"source": values}) | values)})
    | st.fixed_dictionaries({"cameras": cameras, "go2rtc": st.fixed_dictionaries({"streams": streams}) | values})
)


@given(configs)
@settings(max_examples=300, deadline=None)
def test_whatever_a_file_holds_only_camera_addresses_are_taken(config: dict[str, object]) -> None:
    try:
        found = cameras_of(yaml.safe_dump(config))
    except YamlError:
        return
    for entry in found:
        assert bool(entry.url) != bool(entry.refusal)
        for address in filter(None, (entry.url, entry.substream_url)):
            check_address(address)
            assert address.partition(":")[0].lower() in SCHEMES
