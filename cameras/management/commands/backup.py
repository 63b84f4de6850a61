"""manage.py backup: database (if SQLite), SECRET_KEY, CAMERA_KEY and `.env` in one file, for `deploy/restore.py`."""

import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
import tempfile
from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

FORMAT = 1  # of the archive; deploy/restore.py refuses a higher one
# Lines of .env that hold for the old place only: the restored database is a file of the new folder.
_PLACE = re.compile(r"^\s*(export )?(NVR_VAR_DIR=|DATABASE_URL=[\"']?sqlite:).*\n?", re.MULTILINE)


class Command(BaseCommand):
    help = (
        "Write the database (SQLite), the keys and .env into one archive, also while workers run. "
        "deploy/restore.py restores it. Whoever has the archive can read the cameras' passwords."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the archive to write, such as nvr.tar.gz; it must not exist")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        contents = {"secret.key": settings.SECRET_KEY.encode(), "camera.key": settings.CAMERA_KEY.encode()}
        dotenv = Path(settings.BASE_DIR) / ".env"
        if dotenv.exists():
            contents["env"] = _PLACE.sub("", dotenv.read_text("utf-8-sig")).encode()
        if connection.vendor == "sqlite":
            contents["nvr.sqlite3"] = _copy_of_database()
        try:
            _write(file, contents)
        except FileExistsError:
            raise CommandError(f"{file} exists already. Nothing was written.") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{file} has {', '.join(contents)}. Keep it secret: it has the keys.")
        if connection.vendor != "sqlite":
            self.stdout.write("It has no database: back up PostgreSQL with pg_dump. See docs/operating.md.")


def _copy_of_database() -> bytes:
    """Returns a SQLite file with a consistent copy of the database, also of changes still in the write-ahead log."""
    with tempfile.TemporaryDirectory(dir=settings.VAR_DIR) as folder:
        path = Path(folder) / "nvr.sqlite3"
        with closing(sqlite3.connect(path)) as copy:
            connection.ensure_connection()
            connection.connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return path.read_bytes()


def _write(file: Path, contents: dict[str, bytes]) -> None:
    applied = MigrationRecorder(connection).applied_migrations()
    manifest = {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "migrations": sorted(f"{app}.{name}" for app, name in applied if app in {"cameras", "streaming"}),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as output, tarfile.open(fileobj=output, mode="w:gz") as archive:
            for name, data in {"manifest.json": json.dumps(manifest, indent=1).encode(), **contents}.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o600
                archive.addfile(entry, io.BytesIO(data))
    except BaseException:
        file.unlink()  # no half archive is left
        raise
