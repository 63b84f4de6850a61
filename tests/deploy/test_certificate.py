"""`deploy/make-certificate`: what it makes is trusted for its name and address, and for nothing else."""

import subprocess
from pathlib import Path

import pytest

from tests.servers import ROOT

NAME, ADDRESS = "nvr.lan", "192.168.1.10"


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "deploy/make-certificate"), str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def is_trusted(folder: Path, *words: str) -> bool:
    site = str(folder / "fullchain.pem")
    return f"{site}: OK" in openssl(
        "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", f"{folder}/ca.crt", *words, site
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    done = make(tmp_path / "nvr", NAME, ADDRESS)
    assert done.returncode == 0, done.stderr
    return tmp_path / "nvr"


def test_it_is_trusted_for_its_name_and_address_only(folder: Path) -> None:
    assert is_trusted(folder, "-verify_hostname", NAME)
    assert is_trusted(folder, "-verify_ip", ADDRESS)
    assert not is_trusted(folder, "-verify_hostname", "other.lan")
    assert not is_trusted(folder, "-verify_ip", "192.168.1.11")


@pytest.mark.parametrize("words", [("other.lan",), (NAME, "192.168.1.11")])
def test_its_authority_certifies_no_other_site(folder: Path, words: tuple[str, ...]) -> None:
    before = (folder / "fullchain.pem").read_bytes()
    done = make(folder, *words)
    assert done.returncode == 1
    assert f"{folder}/ca.crt is for another name or address. Use an empty folder." in done.stderr
    assert (folder / "fullchain.pem").read_bytes() == before


def test_the_next_certificate_is_of_the_authority_that_devices_trust(folder: Path) -> None:
    authority, first = (folder / "ca.crt").read_bytes(), (folder / "fullchain.pem").read_bytes()
    assert make(folder, NAME, ADDRESS).returncode == 0
    assert (folder / "ca.crt").read_bytes() == authority
    assert (folder / "fullchain.pem").read_bytes() != first
    assert is_trusted(folder, "-verify_hostname", NAME)


def test_keys_are_for_root_only_and_the_authority_can_be_handed_out(folder: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"ca.key": 0o600, "privkey.pem": 0o600, "ca.crt": 0o644, "fullchain.pem": 0o644}


def test_apple_s_browsers_accept_its_lifetime(folder: Path) -> None:
    seconds = 825 * 24 * 3600
    assert "will expire" in openssl("x509", "-in", f"{folder}/fullchain.pem", "-noout", "-checkend", str(seconds))


@pytest.mark.parametrize("address", ["fd12:3456:789a::10", ""])
def test_it_takes_an_ipv6_address_or_none(tmp_path: Path, address: str) -> None:
    done = make(tmp_path / "nvr", NAME, *filter(None, [address]))
    assert done.returncode == 0, done.stderr
    assert is_trusted(tmp_path / "nvr", "-verify_hostname", NAME, *(["-verify_ip", address] if address else []))
