"""The tables: permissions, and migrations that are complete."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("codename", ["view_system", "change_limits", "stop_stream"])
def test_the_permissions_of_the_system_page_exist(codename: str) -> None:
    permission = Permission.objects.get(content_type__app_label="streaming", codename=codename)
    user = User.objects.create_user("staff")
    user.user_permissions.add(permission)
    assert user.has_perm(f"streaming.{codename}")


def test_the_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
