"""The page *Find cameras*: from the search to the stored cameras. The search goes to the loopback only."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from importlib.util import find_spec
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from cameras import find_page, found, grants, onvif_devices, onvif_search
from cameras.find_page import FindForm
from cameras.models import Camera
from cameras.networks import parse_networks
from cameras.onvif_search import search
from tests.cameras.test_grants_admin import staff
from tests.onvif import PASSWORD, PROFILES, STREAM, USER, Device, Network, device, match, profile

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:cameras_camera_find")
LOGIN = {"username": USER, "password": PASSWORD}
MAIN, SUB = "rtsp://127.0.0.2:554/main", "rtsp://127.0.0.2:554/sub"


@pytest.fixture(autouse=True)
def no_multicast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the real networks."""
    monkeypatch.setattr(onvif_search, "search", list)


@pytest.fixture
def camera() -> Iterator[Device]:
    with device() as created:
        yield created


@pytest.fixture
def network(camera: Device) -> Network:
    """The camera is in it, under the name of its model."""
    created = Network()
    created.devices.append(("127.0.0.2", lambda question: match(question, camera.url)))
    return created


def shown(user: User, network: Network, **data: str) -> str:
    """The page after a search of `network`, as text."""
    request: HttpRequest = RequestFactory().post(PAGE, {**LOGIN, **data})
    request.user = user
    response: Any = find_page.page(request, admin.site.get_model_admin(Camera), lambda: search(network.send, 0.6))
    return unescape(response.render().content.decode())


def checked(text: str) -> str:
    found = re.search(r'name="checked" value="([^"]+)"', text)
    return found[1] if found else ""


def test_a_found_camera_is_shown_and_then_added_with_its_substream_and_the_login(
    admin_user: User, admin_client: Client, network: Network, camera: Device
) -> None:
    text = shown(admin_user, network)
    name = f"Front Door (127.0.0.2:{camera.port})"
    for part in ("1 device answered.", name, MAIN, SUB, "Import 1 camera"):
        assert part in text
    assert PASSWORD not in text
    assert not Camera.objects.exists()
    admin_client.post(reverse("admin:cameras_camera_import"), {"checked": checked(text)})
    stored = Camera.objects.get()
    assert (stored.name, stored.stream_url, stored.substream_url) == (name, MAIN, SUB)
    assert (stored.username, stored.password, stored.enabled) == (USER, PASSWORD, True)


def test_what_is_here_already_is_not_added_again_whatever_its_name(admin_user: User, network: Network) -> None:
    Camera.objects.create(name="Yard", stream_url=MAIN)
    text = shown(admin_user, network)
    assert "This camera is here already: Yard." in text
    assert "nothing to import" in text
    assert not checked(text)


def test_a_device_that_takes_the_name_of_a_camera_changes_nothing(
    admin_user: User, network: Network, camera: Device
) -> None:
    Camera.objects.create(name=f"Front Door (127.0.0.2:{camera.port})", stream_url="rtsp://other/live")
    text = shown(admin_user, network)
    assert found.NAME_TAKEN in text
    assert not checked(text)


def test_one_device_lies_and_the_others_are_found(admin_user: User, network: Network) -> None:
    network.devices.append(("127.0.0.3", lambda question: match(question, "http://169.254.169.254/latest")))
    network.devices.append(("127.0.0.4", lambda _: b"<a>"))
    with device("127.0.0.5") as liar:
        liar.answers["GetStreamUri"] = STREAM.format("file:///etc/passwd")
        network.devices.append(("127.0.0.5", lambda question: match(question, liar.url)))
        text = shown(admin_user, network)
    for part in ("4 devices answered.", "Left out: 3", "To be added: 1"):
        assert part in text
    for sentence in (onvif_search.OTHER_ADDRESS, onvif_search.NOT_XML, onvif_devices.NO_STREAM):
        assert sentence in text


def test_a_note_of_a_device_is_beside_its_camera(admin_user: User, network: Network, camera: Device) -> None:
    camera.answers["GetStreamUri"] = lambda request: STREAM.format(MAIN if ">main<" in request else "file:///x")
    assert onvif_devices.NO_SUBSTREAM in shown(admin_user, network)


def test_the_channels_of_a_recorder_have_numbers(admin_user: User, network: Network, camera: Device) -> None:
    camera.answers["GetProfiles"] = PROFILES.format(profile("a", 1280, 720, "one") + profile("b", 1280, 720, "two"))
    text = shown(admin_user, network)
    for number in (1, 2):
        assert f"(127.0.0.2:{camera.port}) channel {number}" in text


def test_as_many_cameras_are_shown_as_an_import_takes(
    admin_user: User, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def many(*_: object) -> list[onvif_devices.Channel]:
        return [onvif_devices.Channel(f"rtsp://127.0.0.2/{'x' * 480}{number}") for number in range(1000)]

    monkeypatch.setattr(onvif_devices, "channels", many)
    text = shown(admin_user, network)
    assert found.TOO_MANY in text
    assert "channel 1 " not in text.partition("Left out")[2]
    assert checked(text)


def test_nobody_answers(admin_user: User) -> None:
    text = shown(admin_user, Network())
    for part in ("No device answered.", "ONVIF is switched on", "same network", "network_mode: host"):
        assert part in text
    assert "nothing to import" not in text


def test_a_wrong_login_is_a_row(admin_user: User, network: Network) -> None:
    assert onvif_devices.WRONG_LOGIN in shown(admin_user, network, password="wrong")


def test_an_address_can_be_entered(admin_client: Client, camera: Device) -> None:
    text = unescape(admin_client.post(PAGE, {**LOGIN, "address": f"127.0.0.2:{camera.port}"}).content.decode())
    assert f"Camera (127.0.0.2:{camera.port})" in text
    assert MAIN in text
    assert "answered" not in text


@pytest.mark.parametrize("networks", ["10.0.0.0/8", ""])
def test_nothing_is_sent_to_an_address_where_no_camera_may_be(
    admin_client: Client, camera: Device, settings: Any, networks: str
) -> None:
    settings.CAMERA_NETWORKS = parse_networks(networks)
    address = f"127.0.0.2:{camera.port}" if networks else "169.254.169.254"
    text = unescape(admin_client.post(PAGE, {**LOGIN, "address": address}).content.decode())
    assert found.OTHER_NETWORK in text
    assert camera.requests == []


def test_an_unknown_host(admin_client: Client) -> None:
    text = unescape(admin_client.post(PAGE, {**LOGIN, "address": "a..b"}).content.decode())
    assert found.UNKNOWN_HOST in text


@pytest.mark.parametrize(
    "address",
    ["http://camera/", "camera/onvif", "a@camera", "camera:x", "camera:99999", "[::1", "a b", "camera?x", ":80"],
)
def test_what_is_no_host_with_a_port_is_refused(address: str) -> None:
    assert "address" in FindForm({"address": address}).errors


@pytest.mark.parametrize(
    ("address", "expected"),
    [("camera", ("camera", 80)), ("10.0.0.1:8080", ("10.0.0.1", 8080)), ("[fd00::1]:81", ("fd00::1", 81)), ("", None)],
)
def test_a_host_with_or_without_a_port(address: str, expected: object) -> None:
    form = FindForm({"address": address})
    assert form.is_valid()
    assert form.cleaned_data["address"] == expected


def test_one_search_at_a_time(admin_client: Client) -> None:
    with find_page._searching:
        assert find_page.BUSY in admin_client.post(PAGE, LOGIN).content.decode()
    assert "No device answered" in admin_client.post(PAGE, LOGIN).content.decode()


def test_devices_that_are_asked_too_late_are_rows(admin_user: User, camera: Device) -> None:
    camera.silent = True
    answers = [onvif_search.Answer("127.0.0.2", camera.url)]
    findings = found.find(lambda: answers, USER, PASSWORD, [], seconds=0.2)
    assert [refused.reason for refused in findings.refused] == [found.NO_TIME]


def test_the_page_needs_the_permission_to_add_cameras(client: Client) -> None:
    _, clerk = staff("clerk", "view_camera", "change_camera")
    assert clerk.get(PAGE).status_code == clerk.post(PAGE, LOGIN).status_code == 403
    assert client.get(PAGE).status_code == 302


def test_a_hidden_camera_is_not_mentioned(network: Network) -> None:
    user, _ = staff("clerk", "add_camera", "change_camera", "view_camera")
    other = Camera.objects.create(name="Gate", stream_url="rtsp://gate/")
    Camera.objects.create(name="Vault", stream_url=MAIN)
    grants.set_cameras(user, [other])
    text = shown(user, network)
    assert "Vault" not in text
    assert "Import 1 camera" in text


def test_a_get_searches_nothing(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "find", None)
    assert admin_client.get(PAGE).status_code == 200


def test_without_the_packages_the_page_says_what_to_install(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_page, "find_spec", lambda name: None if name == "onvif" else find_spec(name))
    for text in (admin_client.get(PAGE).content.decode(), admin_client.post(PAGE, LOGIN).content.decode()):
        assert find_page.INSTALL in text
        assert '<form method="post" class="find"' not in text


def test_the_site_starts_without_the_packages() -> None:
    """No module that is loaded at the start imports one of them."""
    script = (
        "import sys\n"
        "for name in ('onvif', 'zeep', 'lxml', 'aiohttp'): sys.modules[name] = None\n"
        "import django; django.setup()\n"
        "from django.urls import reverse\n"
        "print(reverse('admin:cameras_camera_find'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == PAGE
