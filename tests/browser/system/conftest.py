"""Two workers of one installation, the administrator's page at the first of them, and viewers at both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from cameras.simulator import SimulatedCamera
from tests.browser.chromium import enter
from tests.browser.others import Others
from tests.browser.system.page import PAGE
from tests.client import Session
from tests.servers import PASSWORD, PATIENCE, Site, site, wait_until

PERSONS = f"""
from django.contrib.auth.models import Group, Permission, User
User.objects.get(username="staff").user_permissions.set(Permission.objects.filter(codename="view_system"))
User.objects.create_user("guard", password={PASSWORD!r}).groups.set(Group.objects.filter(name="Viewers"))
"""


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Site]:
    """Two workers of one installation. *staff* may see the page, and *guard* may watch."""
    with site(tmp_path_factory.mktemp("pair"), template) as created:
        created.manage("shell", "-v0", "-c", PERSONS)
        created.start_workers(2, STREAM_MAX_CONCURRENT="10")
        yield created


@pytest.fixture
def admin(pair: Site) -> Iterator[Session]:
    """The administrator's log-in at the first worker. Resets all limits after the test."""
    session = Session(pair.workers[0].base, "admin")
    yield session
    everything = dict.fromkeys(("max_concurrent", "max_mbps", "reserved_slots", "reserved_group"), "")
    assert session.post(f"{PAGE}limits/", everything)[0] == 200
    assert session.post(f"{PAGE}trial/", {"stop": "1"})[0] == 200
    wait_until(lambda: bool(session.json(f"{PAGE}usage/")["gate"]["limit"] == 10), PATIENCE, "the limit of before")


@pytest.fixture
def yard_id(pair: Site, yard: SimulatedCamera) -> Iterator[str]:
    id = pair.add_camera("Yard", yard.url)
    yield id
    pair.remove_camera(id)


@pytest.fixture
def here(pair: Site, yard_id: str) -> Iterator[Others]:
    """Viewers at the administrator's own worker."""
    viewers = Others(Session(pair.workers[0].base), yard_id)
    yield viewers
    viewers.end()


@pytest.fixture
def there(pair: Site, yard_id: str) -> Iterator[Others]:
    """Viewers of another user at the other worker."""
    viewers = Others(Session(pair.workers[1].base, "viewer2"), yard_id)
    yield viewers
    viewers.end()


@pytest.fixture
def system(page: Page, admin: Session) -> Iterator[Page]:
    """The administrator's page. Fails if it reports an error."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    enter(page, admin.base, admin.cookie)
    page.goto(f"{admin.base}{PAGE}")
    yield page
    assert not errors
