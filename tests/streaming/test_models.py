"""The tables: permissions, and migrations that are complete."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection

from streaming.models import Minute

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("codename", ["view_system", "change_limits", "stop_stream"])
def test_the_permissions_of_the_system_page_exist(codename: str) -> None:
    permission = Permission.objects.get(content_type__app_label="streaming", codename=codename)
    user = User.objects.create_user("staff")
    user.user_permissions.add(permission)
    assert user.has_perm(f"streaming.{codename}")


def test_a_worker_of_the_release_before_writes_minutes_without_the_waits() -> None:
    new = {"minute", "waited", "gave_up", "max_mbps"}
    old = [field for field in Minute._meta.concrete_fields if field.name not in new]
    columns = ", ".join(connection.ops.quote_name(field.attname) for field in old)
    values = [0 if field.get_default() == 0 else "{}" for field in old]
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO streaming_minute (minute, {columns}) VALUES (7, {marks})", values)  # noqa: S608
    row = Minute.objects.get()
    assert (row.waited, row.gave_up) == ({}, 0)


def test_the_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
