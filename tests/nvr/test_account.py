"""A user's own password, and the page for addresses that do not exist."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.servers import PASSWORD

pytestmark = pytest.mark.django_db
PAGE = "/accounts/password/"
NEW = "another-long-password-7"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("viewer", password=PASSWORD)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_user_changes_the_password_and_only_this_device_stays_logged_in(user: User) -> None:
    here, elsewhere = logged_in(user), logged_in(user)
    answer = here.post(PAGE, {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "Password changed" in answer.content.decode()
    assert User.objects.get(pk=user.pk).check_password(NEW)
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "why"),
    [
        ("wrong", NEW, NEW, "old password was entered incorrectly"),
        (PASSWORD, NEW, NEW + "x", "password fields didn"),
        (PASSWORD, "12345678", "12345678", "too common"),
    ],
)
def test_a_password_that_is_not_accepted_changes_nothing_and_says_why(
    user: User, old: str, new: str, again: str, why: str
) -> None:
    answer = logged_in(user).post(PAGE, {"old_password": old, "new_password1": new, "new_password2": again})
    assert why in answer.content.decode()
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_a_password_is_changed_by_users_who_are_logged_in_only() -> None:
    assert Client().get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"


@pytest.mark.parametrize("is_logged_in", [False, True])
def test_an_unknown_address_has_the_site_s_own_page(user: User, is_logged_in: bool) -> None:
    answer = (logged_in(user) if is_logged_in else Client()).get("/nothing-here/")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()
    assert ("Log out" in answer.content.decode()) == is_logged_in


def test_no_other_site_may_show_a_page_in_a_frame_unless_it_is_named(user: User) -> None:
    assert "frame-ancestors 'none'" in logged_in(user).get("/")["Content-Security-Policy"]
