"""The search for ONVIF devices: what is sent, who answers, and answers that lie. Nothing leaves the loopback."""

import socket
from collections.abc import Callable

import pytest

from cameras import onvif_search
from cameras.onvif_search import MAX_OF_HOST, NO_ADDRESS, NOT_XML, OTHER_ADDRESS, Answer, read, search
from tests.onvif import Network, match

BOMB = b"""<!DOCTYPE b [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><b>&b;</b>"""
FILE = b"""<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><b>&a;</b>"""


def found(*devices: tuple[str, Callable[[str], bytes]]) -> list[Answer]:
    network = Network()
    network.devices += devices
    return search(network.send, 0.6)


def test_the_question_is_sent_twice_and_each_device_is_found_once() -> None:
    network = Network()
    network.devices.append(("127.0.0.2", lambda question: match(question, "http://127.0.0.2/onvif/device_service")))
    assert search(network.send, 0.6) == [Answer("127.0.0.2", "http://127.0.0.2/onvif/device_service", "Front Door")]
    assert len(network.questions) == 2
    assert network.questions[0] == network.questions[1]


def test_the_question_goes_to_the_group_by_each_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as group,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        group.bind(("127.0.0.1", 0))
        group.settimeout(5)
        monkeypatch.setattr(onvif_search, "GROUP", group.getsockname())
        onvif_search.to_local_networks(probe, b"question")
        for _ in socket.if_nameindex():
            assert group.recv(100) == b"question"
        assert probe.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 1  # routers do not forward it


def test_nobody_answers() -> None:
    assert found() == []


def test_of_several_addresses_the_one_that_it_answers_from_is_taken() -> None:
    urls = "http://[fe80::1]/onvif http://10.0.0.1/onvif http://127.0.0.2:81/onvif"
    assert [answer.url for answer in found(("127.0.0.2", lambda question: match(question, urls)))] == [
        "http://127.0.0.2:81/onvif"
    ]


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data", OTHER_ADDRESS),
        ("http://127.0.0.1:6379/", OTHER_ADDRESS),
        ("http://127.0.0.2@127.0.0.1:6379/", OTHER_ADDRESS),
        ("http://127.0.0.2.example/", OTHER_ADDRESS),
        ("file://127.0.0.2/etc/passwd", OTHER_ADDRESS),
        ("http://127.0.0.2:99999/", OTHER_ADDRESS),
        ("http://[::1", OTHER_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_no_other_address_is_taken(urls: str, problem: str) -> None:
    assert read(match("q", urls), "127.0.0.2", "q") == Answer("127.0.0.2", name="Front Door", problem=problem)


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"<a>", BOMB, FILE, b"<a>" * 20_000], ids=range(6))
def test_an_answer_that_is_not_xml_or_has_entities_is_a_row_with_the_reason(data: bytes) -> None:
    good = ("127.0.0.3", lambda question: match(question, "http://127.0.0.3/onvif"))
    assert found(("127.0.0.2", lambda _: data), good) == [
        Answer("127.0.0.2", problem=NOT_XML),
        Answer("127.0.0.3", "http://127.0.0.3/onvif", "Front Door"),
    ]


def test_what_answers_another_question_is_ignored() -> None:
    assert found(("127.0.0.2", lambda _: match("urn:uuid:other", "http://127.0.0.2/onvif"))) == []


def test_a_device_cannot_hide_the_others() -> None:
    many = [
        ("127.0.0.2", lambda question, port=port: match(question, f"http://127.0.0.2:{port}/")) for port in range(1, 40)
    ]
    answers = found(*many, ("127.0.0.3", lambda question: match(question, "http://127.0.0.3/")))
    assert [answer.host for answer in answers] == ["127.0.0.2"] * MAX_OF_HOST + ["127.0.0.3"]


def test_only_so_many_devices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif_search, "MAX_ANSWERS", 2)
    answers = found(*((f"127.0.0.{n}", lambda question: match(question, "http://10.0.0.1/")) for n in range(2, 8)))
    assert [answer.host for answer in answers] == ["127.0.0.2", "127.0.0.3"]


def test_a_name_is_one_short_line() -> None:
    scopes = f"onvif://www.onvif.org/name/Yard%0A%E2%80%AE{'x' * 500}"
    answer = read(match("q", "http://10.0.0.1/", scopes), "10.0.0.1", "q")
    assert answer
    assert answer.name == "Yard" + "x" * 56
