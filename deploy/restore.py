#!/usr/bin/env python3
"""Restores a backup into a new place: `deploy/restore.py ARCHIVE FOLDER`, as root or as the user of the workers.

ARCHIVE was made by `manage.py backup`. The keys and a SQLite database are written to FOLDER, the settings to the
`.env` of this release, with NVR_VAR_DIR=FOLDER. If ARCHIVE has no settings, set NVR_VAR_DIR yourself. As root, the
files get the owner of FOLDER. Nothing that exists is overwritten. Needs only Python: Django's settings would make
new keys first. Afterwards run `manage.py migrate`.
"""

import hashlib
import json
import os
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

RELEASE = Path(__file__).resolve().parent.parent
FORMAT = 1
NAMES = {"secret.key", "camera.key", "nvr.sqlite3", "env"}
REMAINS = ("nvr.sqlite3-wal", "nvr.sqlite3-shm")  # SQLite would apply them to the restored database


class RestoreError(Exception):
    pass


def read(archive: Path) -> dict[str, bytes]:
    """Read a backup. Returns the name of each file in it -> content. Raises RestoreError if the archive is missing,
    damaged or made by a newer release.
    """
    try:
        with tarfile.open(archive) as tar:
            found = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
        manifest = json.loads(found.pop("manifest.json"))
        version, migrations, sums = manifest["format"], manifest["migrations"], manifest["sha256"]
    except FileNotFoundError:
        raise RestoreError(f"{archive} does not exist.") from None
    except (tarfile.TarError, EOFError, zlib.error, KeyError, ValueError, TypeError, OSError) as error:
        raise RestoreError(f"{archive} is damaged, or no backup of this product ({error}).") from None
    if version > FORMAT or not set(sums) <= NAMES:
        raise RestoreError(f"{archive} was made by a newer release. Install that release first.")
    if {name: hashlib.sha256(data).hexdigest() for name, data in found.items()} != sums:
        raise RestoreError(f"{archive} is damaged: a file in it is not what was written.")
    for app, _, name in (migration.partition(".") for migration in migrations):
        if not (RELEASE / app / "migrations" / f"{name}.py").exists():
            raise RestoreError(
                f"{archive} was made by a newer release: this one does not have the migration {app}.{name}. "
                "Install that release first."
            )
    return found


def write(contents: dict[str, bytes], folder: Path) -> list[Path]:
    """Write all files of a backup (name -> content), or none: `env`, with NVR_VAR_DIR added, to the `.env` of this
    release, the others to `folder`. Returns their paths. Raises RestoreError if one of these files exists, or a
    file of SQLite (`REMAINS`) in `folder`. Also raises it if a file or `folder` cannot be written.
    """
    paths = {name: RELEASE / ".env" if name == "env" else folder / name for name in contents}
    there = [path for path in (*paths.values(), *(folder / name for name in REMAINS)) if os.path.lexists(path)]
    if there:
        raise RestoreError(f"these files exist already: {', '.join(map(str, there))}. Move them away.")
    written: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat()
        for name, path in paths.items():
            data = contents[name]
            if name == "env":
                data = data.rstrip(b"\n") + f"\nNVR_VAR_DIR={folder.resolve()}\n".encode()
            _create(path, data, owner, 0o400 if name == "env" else 0o600)
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink()
        raise RestoreError(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    return written


def _create(path: Path, data: bytes, owner: os.stat_result, mode: int) -> None:
    """Create the file whole, or not at all. As root, give it to the user and group in `owner`: the stat of the
    folder that becomes NVR_VAR_DIR, also for the `.env` elsewhere. Raises OSError, also if the file exists.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)  # unlike a rename, never replaces a file
    finally:
        os.unlink(draft)


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        sys.exit("usage: restore.py ARCHIVE FOLDER")
    archive, folder = map(Path, arguments)
    try:
        written = write(read(archive), folder)
    except RestoreError as error:
        sys.exit(f"Nothing was restored: {error}")
    sys.stdout.write("".join(f"{path}\n" for path in written))
    if folder / "nvr.sqlite3" not in written:
        sys.stdout.write("The backup has no database: restore PostgreSQL's with pg_restore. See docs/operating.md.\n")
    sys.stdout.write("Restored. Next: manage.py migrate\n")


if __name__ == "__main__":
    main(sys.argv[1:])
