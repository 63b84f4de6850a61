"""Networks in which cameras may be."""

import pytest

from cameras.forms import CameraForm
from cameras.networks import may_hold_cameras, parse_networks

OWN = parse_networks("192.168.10.0/24, fd12:3456:789a::/48,")


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.9", "127.0.0.1", "::1", "203.0.113.7", "2001:db8::7"])
def test_without_a_setting_a_camera_may_be_nearly_everywhere(address: str) -> None:
    assert may_hold_cameras(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_link_local_metadata_and_multicast_addresses_are_refused(address: str) -> None:
    assert not may_hold_cameras(address, ())


def test_with_a_setting_a_camera_may_be_in_its_networks_only() -> None:
    for address in ("192.168.10.1", "::ffff:192.168.10.1", "fd12:3456:789a::9"):
        assert may_hold_cameras(address, OWN)
    for address in ("192.168.11.1", "127.0.0.1", "::1", "fd12:3456:789b::9"):
        assert not may_hold_cameras(address, OWN)


def test_the_setting_can_allow_a_network_that_is_refused_by_default() -> None:
    assert may_hold_cameras("169.254.7.7", parse_networks("169.254.7.0/24"))


@pytest.mark.parametrize("text", ["192.168.10.1/24", "cameras.example", "10.0.0.0/33"])
def test_an_invalid_network_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_networks(f"10.0.0.0/8,{text}")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("rtsp://169.254.169.254/latest", False),
        ("rtsp://[fe80::1]/yard", False),
        ("rtsp://192.168.1.9/yard", True),
        ("rtsp://yard.example/yard", True),
        ("", True),
    ],
)
def test_the_form_refuses_an_ip_address_outside_the_allowed_networks(url: str, good: bool) -> None:
    form = CameraForm({"name": "Yard", "stream_url": url, "enabled": True})
    assert form.is_valid() is good
    assert good or form.errors["stream_url"] == ["Cameras are not allowed at this IP address (CAMERA_NETWORKS)."]
