"""Users whom a proxy names, and their groups."""

import pytest
from django.contrib.auth.models import Group, User

from cameras.sign_in import ProxyUser, find_user, set_groups, user_of

pytestmark = pytest.mark.django_db
MAPPING = (("nvr-users", "Viewers"), ("nvr-ops", "Operators"), ("others", "Operators"))


@pytest.fixture(autouse=True)
def _groups() -> None:
    for name in ("Viewers", "Operators", "Local"):
        Group.objects.get_or_create(name=name)


def groups_of(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_an_unknown_user_is_refused_or_made_without_a_password_as_the_setting_says() -> None:
    assert user_of(ProxyUser("ada"), create=False, groups=MAPPING) is None
    assert not User.objects.exists()
    made = user_of(ProxyUser("ada", ("nvr-users",)), create=True, groups=MAPPING)
    assert made is not None
    assert (made.has_usable_password(), made.is_staff, made.is_superuser) == (False, False, False)
    assert groups_of(made) == {"Viewers"}
    assert find_user(ProxyUser("ada")) == made


@pytest.mark.parametrize("name", ["ada,admin", "ada lovelace", "", "x" * 151])
def test_no_user_is_made_with_a_name_that_no_form_accepts(name: str) -> None:
    assert user_of(ProxyUser(name), create=True, groups=MAPPING) is None
    assert not User.objects.exists()


@pytest.mark.parametrize("create", [False, True])
def test_an_inactive_user_has_no_access(create: bool) -> None:
    User.objects.create_user("ada", is_active=False)
    assert user_of(ProxyUser("ada"), create=create, groups=MAPPING) is None
    assert find_user(ProxyUser("ada")) is None


def test_groups_follow_the_proxy_and_those_outside_the_mapping_stay() -> None:
    user = User.objects.create_user("ada")
    user.groups.add(Group.objects.get(name="Local"))
    for named, expected in [
        (("nvr-users", "nvr-ops", "unknown"), {"Local", "Viewers", "Operators"}),
        (("others",), {"Local", "Operators"}),
        ((), {"Local"}),
    ]:
        user_of(ProxyUser("ada", named), create=False, groups=MAPPING)
        assert groups_of(user) == expected
    user.groups.add(Group.objects.get(name="Viewers"))
    user_of(ProxyUser("ada", None), create=False, groups=MAPPING)  # the proxy sends no groups
    assert groups_of(user) == {"Local", "Viewers"}


def test_a_star_stands_for_everybody_and_a_group_that_is_missing_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    user = User.objects.create_user("ada")
    for _ in range(2):
        set_groups(user, (), (("*", "Viewers"), ("*", "Nobody made me")))
    assert groups_of(user) == {"Viewers"}
    assert caplog.messages == ["Users should be in the group 'Nobody made me', but there is no such group."]
