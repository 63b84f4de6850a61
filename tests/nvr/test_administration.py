"""The administration's index, *Failed log-ins*, and the link to it in the header of the pages."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.servers import PASSWORD

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin() -> Client:
    return client_of(User.objects.create_superuser("ada"))


def test_the_index_has_the_product_s_entries_first_and_no_names_of_libraries(admin: Client) -> None:
    index = admin.get("/admin/").content.decode()
    sections = re.findall(r'class="section"[^>]*>\s*([^<]+?)\s*<', index)
    assert sections == ["Settings", "Cameras", "Authentication and Authorization", "Log-ins"]
    entries = re.findall(r'<th scope="row"[^>]*>\s*<a [^>]*>([^<]+)</a>', index)
    assert (entries[0], entries[3], entries[-1]) == ("System", "Cameras", "Failed log-ins")
    assert "Access" not in index


def test_to_delete_failed_log_ins_lets_a_user_in_at_once(admin: Client) -> None:
    User.objects.create_user("viewer", password=PASSWORD)

    def log_in(password: str) -> int:
        form = {"username": "viewer", "password": password}
        return Client(REMOTE_ADDR="192.0.2.1").post(reverse("login"), form).status_code

    for _ in range(10):
        log_in("guess")
    assert log_in(PASSWORD) == 429
    listed = admin.get(reverse("admin:axes_accessattempt_changelist"))
    assert b"viewer" in listed.content
    assert b"delete their entries here" in listed.content
    (attempt,) = AccessAttempt.objects.all()
    assert b"192.0.2.1" in admin.get(reverse("admin:axes_accessattempt_change", args=[attempt.pk])).content
    admin.post(
        reverse("admin:axes_accessattempt_changelist"),
        {"action": "delete_selected", "_selected_action": attempt.pk, "post": "yes"},
    )
    assert log_in(PASSWORD) == 302


@pytest.mark.parametrize(("may_see", "leads_to"), [(True, "/admin/streaming/system/"), (False, "/admin/")])
def test_settings_in_the_header_opens_system_for_those_who_may_see_it(may_see: bool, leads_to: str) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    if may_see:
        user.user_permissions.set(Permission.objects.filter(codename="view_system"))
    assert f'<a href="{leads_to}">Settings</a>' in client_of(user).get("/").content.decode()
