"""The second factor: no log-in without it, a code is good once, and wrong ones lock out like passwords."""

import base64
import hmac
import re
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import migrated
from tests.oidc import Browser
from tests.servers import PASSWORD, Site, Worker, wait_until

SETTINGS = {"SECOND_FACTOR": "true"}
AUTHENTICATE = "/accounts/2fa/authenticate/"


def code_of(secret: str, step: int) -> str:
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), "sha1").digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06}"


def now_step() -> int:
    """Returns the present step. It lasts for some seconds more, so that its code is still right when it arrives."""
    wait_until(lambda: time.time() % 30 < 22, 10, "a step begins")
    return int(time.time() // 30)


@pytest.fixture(scope="module")
def template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(template, tmp_path_factory.mktemp("template"), **SETTINGS)


@pytest.fixture
def worker(installation: Site) -> Iterator[Worker]:
    yield installation.start_worker(**SETTINGS)  # type: ignore[arg-type]


def turn_on(worker: Worker, name: str = "admin") -> tuple[str, list[str]]:
    """Returns the app's secret and the recovery codes."""
    browser = Browser(worker.base)
    browser.log_in(name, PASSWORD)
    assert browser.user == name  # without a second factor yet
    asked = browser.get("/accounts/2fa/totp/activate/")
    assert "Enter your password" in asked.text
    page = browser.session.post(
        asked.url,
        {"password": PASSWORD, "csrfmiddlewaretoken": browser.session.cookies["csrftoken"]},
        headers={"Referer": asked.url},
        timeout=30,
    )
    secret = re.search(r"<code>([A-Z2-7]+)</code>", page.text)
    assert secret is not None, page.text
    done = browser.post("/accounts/2fa/totp/activate/", {"code": code_of(secret[1], now_step())})
    codes = re.findall(r"<li><code>(\w+)</code>", done.text)
    assert len(codes) == 10
    browser.close()
    return secret[1], codes


def test_a_log_in_needs_the_code_also_for_the_administration(installation: Site, worker: Worker) -> None:
    secret, codes = turn_on(worker)
    with installation.database.open("rb") as stored:
        assert secret.encode() not in stored.read()
    browser = Browser(worker.base)
    for path in ("/accounts/login/?next=/admin/", "/admin/login/?next=/admin/"):
        page = browser.log_in("admin", PASSWORD, path) if "accounts" in path else browser.get(path)
        assert "/accounts/" in page.url
        assert (browser.user, browser.get("/admin/").url.startswith(f"{worker.base}/accounts/login/")) == ("", True)
    assert browser.post("/admin/login/", {"username": "admin", "password": PASSWORD}).url != f"{worker.base}/admin/"
    assert browser.user == ""
    assert browser.post(AUTHENTICATE, {"code": codes[0]}).url == f"{worker.base}/admin/"
    assert browser.user == "admin"
    browser.close()


def test_a_session_of_one_user_does_not_open_another_s_account(worker: Worker) -> None:
    turn_on(worker)
    browser = Browser(worker.base)
    browser.log_in("staff", PASSWORD)
    browser.post("/admin/login/", {"username": "admin", "password": PASSWORD})
    assert browser.user == "staff"
    browser.post("/accounts/logout/", {})
    browser.log_in("viewer", PASSWORD)
    assert browser.get("/admin/login/?next=/admin/").status_code == 403
    browser.close()


@pytest.mark.timeout(240)  # it waits for a step to begin
def test_a_code_is_good_for_one_log_in(installation: Site, worker: Worker) -> None:
    secret, codes = turn_on(worker)
    installation.execute("UPDATE mfa_authenticator SET last_used_at = NULL")
    elsewhere = installation.start_worker(**SETTINGS)  # type: ignore[arg-type]
    wait_until(lambda: time.time() % 30 < 15, 20, "the first half of a step: both log-ins use its code")
    code, users = code_of(secret, now_step()), []
    for base in (worker.base, elsewhere.base):
        browser = Browser(base)
        browser.log_in("admin", PASSWORD)
        browser.post(AUTHENTICATE, {"code": code})
        users.append(browser.user)
        browser.close()
    assert users == ["admin", ""]
    for expected in ("admin", ""):
        browser = Browser(worker.base)
        browser.log_in("admin", PASSWORD)
        browser.post(AUTHENTICATE, {"code": codes[0]})
        assert browser.user == expected
        browser.close()


def test_wrong_codes_lock_out_like_wrong_passwords_and_a_right_password_resets_nothing(worker: Worker) -> None:
    _, codes = turn_on(worker)
    statuses = []
    for _ in range(5):
        browser = Browser(worker.base)
        browser.log_in("admin", PASSWORD)
        statuses += [browser.post(AUTHENTICATE, {"code": "000000"}).status_code for _ in range(2)]
    assert statuses == [200] * 9 + [429]
    assert browser.post(AUTHENTICATE, {"code": codes[0]}).status_code == 429
    assert browser.user == ""
    assert Browser(worker.base).log_in("admin", PASSWORD).status_code == 429
    other = Browser(worker.base)
    other.log_in("viewer", PASSWORD)
    assert other.user == "viewer"


def test_turning_it_off_needs_a_code(worker: Worker) -> None:
    _, codes = turn_on(worker)
    browser = Browser(worker.base)
    browser.log_in("admin", PASSWORD)
    browser.post(AUTHENTICATE, {"code": codes[0]})
    asked = browser.get("/accounts/2fa/totp/deactivate/")
    assert "Confirm that it is you" in asked.text
    browser.close()


OTHER_KEY = "another camera key of the tests"


def test_without_the_key_of_the_secrets_no_code_is_right_and_a_page_says_why(
    installation: Site, worker: Worker
) -> None:
    secret, codes = turn_on(worker)
    installation.execute("UPDATE mfa_authenticator SET last_used_at = NULL")
    changed = installation.start_worker(**SETTINGS, CAMERA_KEY=OTHER_KEY)  # type: ignore[arg-type]
    browser = Browser(changed.base)
    browser.log_in("admin", PASSWORD)
    for code in (code_of("", now_step()), code_of(secret, now_step()), codes[0]):
        page = browser.post(AUTHENTICATE, {"code": code})
        assert browser.user == ""
        assert (page.status_code, "cannot be checked" in page.text) == (503, True)
    browser.close()
    assert "Traceback" not in changed.process.log.read_text()


def test_the_secrets_are_encrypted_again_with_the_newest_key(installation: Site, worker: Worker) -> None:
    _, codes = turn_on(worker)
    former = installation.environment["CAMERA_KEY"]
    done = installation.manage("rotate_camera_key", **SETTINGS, CAMERA_KEY=f"{OTHER_KEY},{former}")
    assert "2 secrets of second factors" in done
    changed = installation.start_worker(**SETTINGS, CAMERA_KEY=OTHER_KEY)  # type: ignore[arg-type]
    browser = Browser(changed.base)
    browser.log_in("admin", PASSWORD)
    browser.post(AUTHENTICATE, {"code": codes[0]})
    assert browser.user == "admin"
    browser.close()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        installation.manage("rotate_camera_key", **SETTINGS, CAMERA_KEY="a third camera key of the tests")
    assert "no key of CAMERA_KEY decrypts the second factor of admin" in refused.value.stderr
