"""Databases of the acceptance tests: migrated, and with users."""

import contextlib
import sqlite3
import sys
from pathlib import Path

from tests import preloaded
from tests.servers import PASSWORD, Site, environment_of

# Migrates the database and adds the users of `Site`, in one process: each that starts Django takes more than a second.
SEED = f"""
from django.contrib.auth.models import Group, User
from django.core.management import call_command
call_command("migrate", verbosity=0)
viewers = Group.objects.get(name="Viewers")
User.objects.create_superuser("admin", password={PASSWORD!r})
for name in ("viewer", "viewer2"):
    User.objects.create_user(name, password={PASSWORD!r}).groups.add(viewers)
User.objects.create_user("nobody", password={PASSWORD!r})
User.objects.create_user("staff", password={PASSWORD!r}, is_staff=True)
"""


def seed(environment: dict[str, str]) -> None:
    """Migrates the database of an installation, and adds the users of `Site`."""
    preloaded.run([sys.executable, "manage.py", "shell", "-v0", "-c", SEED], environment)


def make_template(folder: Path) -> Path:
    """Creates a migrated database with the users of `Site`. Returns its file, which each `Site` copies."""
    seed(environment_of(folder))
    database = folder / "nvr.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        # One file, so that it can be copied, and in the journal mode of an installation: two threads of a new worker that
        # change it at once are told "database is locked" without a wait.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


def migrated(template: Path, folder: Path, **settings: str) -> Path:
    """Returns a copy of the template with the tables that these settings need, too."""
    installation = Site(folder, template)
    installation.manage("migrate", "-v0", **settings)
    return installation.database
