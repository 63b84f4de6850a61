"""A backup of a running installation, restored in a new place: a worker there streams. Bad archives change nothing."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cameras.simulator import SimulatedCamera, Simulator
from tests.client import Session, Stream
from tests.servers import ROOT, Site, site

SAVE_CAMERA = """
from cameras.models import Camera
Camera.objects.create(name="Yard", stream_url={url!r}, username="operator", password="of the camera")
"""


@pytest.fixture
def locked_camera(simulator: Simulator) -> SimulatedCamera:
    camera = SimulatedCamera(name="Yard", path="yard", width=640, height=360, username="operator")
    camera.password = "of the camera"
    return simulator.add(camera)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return release_in(tmp_path / "release")


def release_in(folder: Path) -> Path:
    """A release in a folder of its own, where a test can write `.env`."""
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/restore.py", folder / "deploy")
    shutil.copytree(ROOT / "nvr", folder / "nvr")
    shutil.copy(ROOT / "manage.py", folder)
    for name in ("cameras", "streaming", "templates"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def restore(release: Path, archive: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(release / "deploy/restore.py"), str(archive), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def backup(release: Path, installation: Site, archive: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "backup", str(archive)]
    environment = {**installation.environment, "DJANGO_SETTINGS_MODULE": "nvr.settings"}
    return subprocess.run(
        command, cwd=release, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


async def test_a_worker_streams_from_what_was_restored_in_a_new_place(
    tmp_path: Path, installation: Site, release: Path, locked_camera: SimulatedCamera, template: Path
) -> None:
    (release / ".env").write_text(
        "STREAM_MAX_CONCURRENT=3\nNVR_VAR_DIR=/old/place\nDATABASE_URL=sqlite:////old/place/db\n"
    )
    old = installation.start_worker()
    installation.manage("shell", "-v0", "-c", SAVE_CAMERA.format(url=locked_camera.url))
    session = Session(old.base)
    archive = tmp_path / "nvr.tar.gz"
    assert backup(release, installation, archive).returncode == 0  # while the worker runs
    assert archive.stat().st_mode & 0o777 == 0o600
    old.process.end()
    (id,) = installation.camera_ids()
    installation.database.unlink()
    (release / ".env").unlink()

    new = tmp_path / "new"
    done = restore(release, archive, new)
    assert done.returncode == 0, done.stderr
    assert (release / ".env").read_text() == f"STREAM_MAX_CONCURRENT=3\nNVR_VAR_DIR={new}\n"
    assert (release / ".env").stat().st_mode & 0o777 == 0o400
    assert {path.name: path.stat().st_mode & 0o777 for path in new.iterdir()} == dict.fromkeys(
        ("camera.key", "nvr.sqlite3", "secret.key"), 0o600
    )
    restored = (new / "nvr.sqlite3").read_bytes()
    with site(new, template, SECRET_KEY="", CAMERA_KEY="") as second:  # the keys are those of the folder
        second.database.write_bytes(restored)
        second.manage("migrate", "-v0")
        worker = second.start_worker()
        async with Stream(session.at(worker.base), id, "?quality=low") as stream:  # the log-in is valid there too
            await stream.live()
            assert stream.pictures[-1].image.shape == (360, 640, 3)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    folder = tmp_path_factory.mktemp("backed-up")
    release = release_in(folder / "release")
    (release / ".env").write_text("STREAM_MAX_CONCURRENT=3\n")
    with site(folder, template) as installation:
        done = backup(release, installation, folder / "nvr.tar.gz")
    assert done.returncode == 0, done.stderr
    return folder / "nvr.tar.gz"


@pytest.fixture
def archive(tmp_path: Path, backed_up: Path) -> Path:
    return Path(shutil.copy(backed_up, tmp_path))


@pytest.mark.parametrize("name", ["nvr.sqlite3", "nvr.sqlite3-wal", "camera.key", ".env"])
def test_nothing_is_overwritten(tmp_path: Path, release: Path, archive: Path, name: str) -> None:
    new = tmp_path / "new"
    new.mkdir()
    path = release / name if name == ".env" else new / name
    path.write_text("kept")
    done = restore(release, archive, new)
    assert done.returncode == 1
    assert f"Nothing was restored: these files exist already: {path}." in done.stderr
    assert path.read_text() == "kept"
    assert sorted([*new.iterdir(), *release.glob(".env")]) == [path]


def change_a_key(contents: dict[str, bytes]) -> None:
    contents["camera.key"] = b"another key of the same kind"


def know_a_later_migration(contents: dict[str, bytes]) -> None:
    manifest = json.loads(contents["manifest.json"])
    manifest["migrations"].append("cameras.9999_of_next_year")
    contents["manifest.json"] = json.dumps(manifest).encode()


def have_a_later_format(contents: dict[str, bytes]) -> None:
    contents["manifest.json"] = json.dumps({**json.loads(contents["manifest.json"]), "format": 2}).encode()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_a_key, "is damaged"),
        (lambda contents: contents.pop("manifest.json"), "no backup of this product"),
        (lambda contents: contents.pop("nvr.sqlite3"), "is damaged"),
        (know_a_later_migration, "newer release: this one does not have the migration cameras.9999_of_next_year"),
        (have_a_later_format, "newer release"),
    ],
    ids=["a changed file", "no manifest", "a missing file", "a later migration", "a later format"],
)
def test_a_bad_archive_is_refused_whole(
    tmp_path: Path, release: Path, archive: Path, change: Callable[[dict[str, bytes]], object], expected: str
) -> None:
    with tarfile.open(archive) as tar:
        contents = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
    change(contents)
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    assert_refused(release, archive, tmp_path / "new", expected)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_cut_archive_is_refused_whole(tmp_path: Path, release: Path, archive: Path, keep: float) -> None:
    os.truncate(archive, int(archive.stat().st_size * keep))
    assert_refused(release, archive, tmp_path / "new", "is damaged, or no backup of this product")


def test_an_archive_that_is_not_there_is_named(tmp_path: Path, release: Path) -> None:
    assert_refused(release, tmp_path / "other.tar.gz", tmp_path / "new", "other.tar.gz does not exist")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, release: Path, archive: Path) -> None:
    (tmp_path / "file").touch()
    assert_refused(release, archive, tmp_path / "file/new", f"{tmp_path}/file/new cannot be written: Not a directory.")


def assert_refused(release: Path, archive: Path, new: Path, expected: str) -> None:
    done = restore(release, archive, new)
    assert done.returncode == 1
    assert "Nothing was restored: " in done.stderr and expected in done.stderr
    assert not new.exists() and not (release / ".env").exists()


def test_a_backup_overwrites_no_file(tmp_path: Path, installation: Site, release: Path, archive: Path) -> None:
    before = archive.read_bytes()
    done = backup(release, installation, archive)
    assert done.returncode == 1 and "exists already. Nothing was written." in done.stderr
    assert archive.read_bytes() == before


def test_a_restored_database_has_what_was_in_the_log_only(tmp_path: Path, installation: Site, release: Path) -> None:
    with closing(sqlite3.connect(installation.database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO auth_group (name) VALUES ('Night shift')")
        connection.commit()
        assert installation.database.with_name("nvr.sqlite3-wal").stat().st_size
        assert backup(release, installation, tmp_path / "nvr.tar.gz").returncode == 0
    assert restore(release, tmp_path / "nvr.tar.gz", tmp_path / "new").returncode == 0
    with closing(sqlite3.connect(tmp_path / "new/nvr.sqlite3")) as connection:
        assert ("Night shift",) in connection.execute("SELECT name FROM auth_group").fetchall()
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
