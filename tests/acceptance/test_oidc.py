"""Sign-in at an OpenID Connect provider that really runs: who gets in, in which groups, and who does not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import migrated
from tests.oidc import Browser, provider
from tests.servers import PASSWORD, Site, Worker

pytestmark = pytest.mark.timeout(240)  # each test starts a provider and a worker, one after the other
USERS: list[dict[str, object]] = [
    {"sub": "1", "preferred_username": "ada", "groups": ["nvr-users", "staff"]},
    {"sub": "2", "preferred_username": "viewer", "groups": []},
    {"sub": "3", "preferred_username": "ada lovelace", "groups": ["nvr-users"]},
    {"sub": "4", "preferred_username": "admin", "groups": ["nvr-users"]},
]

SETTINGS = {
    "OIDC_CLIENT_ID": "nvr",
    "OIDC_CLIENT_SECRET": "$ecret",
    "OIDC_NAME": "Example Inc.",
    "OIDC_GROUPS_CLAIM": "groups",
    "OIDC_GROUPS": "nvr-users=Viewers",
}


@pytest.fixture(scope="module")
def template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(template, tmp_path_factory.mktemp("template"), OIDC_URL="http://127.0.0.1:1", **SETTINGS)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with provider(tmp_path, USERS) as running:
        yield running


def test_a_provider_that_cannot_start_is_reported_at_once_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match='must include a "sub" property'), provider(tmp_path, [{"groups": []}]):
        pass


def start(installation: Site, address: str, **settings: str) -> Worker:
    return installation.start_worker(OIDC_URL=address, **SETTINGS, **settings)  # type: ignore[arg-type]


def groups_of(installation: Site, name: str) -> list[str]:
    query = (
        "SELECT g.name FROM auth_group g JOIN auth_user_groups m ON m.group_id = g.id "
        "JOIN auth_user u ON u.id = m.user_id WHERE u.username = ?"
    )
    with closing(sqlite3.connect(installation.database, timeout=20)) as connection:
        return [row[0] for row in connection.execute(query, (name,))]


def test_users_are_made_with_their_groups_and_come_back_as_the_same(installation: Site, address: str) -> None:
    worker = start(installation, address, OIDC_CREATE="true")
    browser = Browser(worker.base)
    assert "Sign in with Example Inc." in browser.get("/accounts/login/").text
    assert browser.sign_in("1", "/accounts/login/?next=/wall/").url == f"{worker.base}/wall/"
    assert (browser.user, groups_of(installation, "ada")) == ("ada", ["Viewers"])
    browser.post("/accounts/logout/", {})
    assert browser.user == ""
    installation.execute(
        "DELETE FROM auth_user_groups WHERE user_id = (SELECT id FROM auth_user WHERE username = 'ada')"
    )
    again = Browser(worker.base)
    again.sign_in("1")
    assert (again.user, groups_of(installation, "ada")) == ("ada", ["Viewers"])
    for browser_ in (browser, again):
        browser_.close()


@pytest.mark.parametrize("sub", ["2", "3", "4"])
def test_nobody_gets_the_account_of_another_by_its_name(installation: Site, address: str, sub: str) -> None:
    worker = start(installation, address, OIDC_CREATE="true")
    browser = Browser(worker.base)
    answer = browser.sign_in(sub)
    assert (answer.status_code, browser.user) == (403, "")
    assert "this site has no active account for you" in answer.text
    browser.close()


def test_unknown_users_are_refused_and_known_ones_linked_as_the_settings_say(installation: Site, address: str) -> None:
    worker = start(installation, address, OIDC_LINK="true")
    browser = Browser(worker.base)
    assert browser.sign_in("1").status_code == 403
    browser.sign_in("2")
    assert (browser.user, groups_of(installation, "viewer")) == ("viewer", [])  # the provider names no group
    browser.close()
    installation.execute("UPDATE auth_user SET is_active = 0 WHERE username = 'viewer'")
    other = Browser(worker.base)
    assert (other.sign_in("2").status_code, other.user) == (403, "")
    other.close()


def test_passwords_still_work_and_a_provider_that_is_gone_has_a_page_of_its_own(
    installation: Site, tmp_path: Path
) -> None:
    with provider(tmp_path, USERS) as address:
        worker = start(installation, address)
    browser = Browser(worker.base)
    button = browser.get("/accounts/oidc/sso/login/")
    assert (button.status_code, "does not answer" in button.text) == (503, True)
    browser.log_in("viewer", PASSWORD)
    assert browser.user == "viewer"
    assert browser.get("/accounts/2fa/").status_code == 404
    browser.close()
