"""Imports cameras from CSV files and from the configuration files of the video servers go2rtc, Frigate and MediaMTX.

`CameraForm` validates each camera. The cameras that cannot be imported are reported with the reason, and the others are
stored: a configuration file always has some entries that are no cameras. `spreadsheets.import_cameras`, in contrast,
stores all or none.
"""

from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser

from cameras import configurations, spreadsheets
from cameras.forms import CameraForm, credentials_apart
from cameras.models import Camera
from cameras.spreadsheets import Cameras, FileError, Outcome, Row
from cameras.texts import NOT_A_LINE
from cameras.yaml_files import YamlError

MAX_BYTES = 500_000
NAME_LENGTH = 100  # shown of the name of an entry that is left out, which may be any text
MAY_NOT_CHANGE = "A camera of this name exists, and you don't have the permission to change cameras."


class ImportFileError(Exception):
    """No camera of a file can be imported: it cannot be read, or the stored cameras change meanwhile. The message tells
    users why, and contains no text of the file.
    """


@dataclass(frozen=True)
class Refused:
    """An entry of a file, or a camera or device that a search found, that is left out. `reason` tells users why."""

    name: str
    reason: str


@dataclass
class Plan(Outcome):
    """The result of an import, or of its dry run. The base class has the cameras: `created`, `changed` and
    `unchanged`. `refused`: entries that are left out. `notes`: what the administrator has to do or know, by the
    camera's name, also for refused ones. `changes`: labels of the fields that change, by the name of each of the
    `changed` cameras.
    """

    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    changes: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Returns the numbers of cameras, such as `2 added, 1 changed, 0 unchanged, 1 left out`."""
        counts = {
            "added": len(self.created),
            "changed": len(self.changed),
            "unchanged": len(self.unchanged),
            "left out": len(self.refused),
        }
        return ", ".join(f"{count} {word}" for word, count in counts.items())


@dataclass
class Content:
    """The content of a file, before it is validated. `rows`: number of the row, and its cells by column. `refused`:
    entries that are left out. `notes`: what the administrator has to do, by the camera's name.
    """

    rows: list[tuple[int, Row]]
    refused: list[Refused] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    has_row_numbers: bool = False  # True for CSV only: users know these numbers


def import_file(
    data: bytes,
    filename: str,
    cameras: Cameras,
    *,
    dry_run: bool,
    may_change: bool = True,
    user: AbstractBaseUser | None = None,
) -> Plan:
    """Create the cameras of a file, and change those of `cameras` whose names are in it. The suffix of `filename` tells
    the format, CSV or YAML; without such a suffix, the first line does. Returns what changes, and the entries that are
    left out because they are not valid. With `dry_run`, nothing is stored. Raises ImportFileError, with nothing
    changed, if the file is too large or cannot be read, or `cameras` change during each attempt to store them.

    A camera that is not in `cameras` is not changed: an entry with its name creates another one.
    Without `may_change`, entries that would change a camera are refused. `user`: who imports; they get a grant for each
    new camera that would be hidden from them otherwise.
    """
    if len(data) > MAX_BYTES:
        raise ImportFileError(f"A file can have at most {MAX_BYTES:,} bytes.")
    try:
        content = (_csv if _is_csv(data, filename) else _configuration)(data)
        return spreadsheets.store_validated(
            lambda: _plan(content, cameras, may_change), cameras, dry_run=dry_run, user=user
        )
    except (FileError, YamlError) as error:
        raise ImportFileError(str(error)) from error


def _is_csv(data: bytes, filename: str) -> bool:
    """Returns whether a file is CSV and not YAML. If its name ends in neither `.csv` nor `.yml` or `.yaml`, it is CSV if
    its first line has a column `name`.
    """
    suffix = filename.rpartition(".")[2].lower()
    if suffix in ("csv", "yml", "yaml"):
        return suffix == "csv"
    header = data.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0].lower()
    return b"name" in [cell.strip(b" \"'\r") for cell in header.replace(b";", b",").split(b",")]


def _csv(data: bytes) -> Content:
    rows = [(number, credentials_apart(row)) for number, row in spreadsheets.read_rows(data)]
    return Content(rows, has_row_numbers=True)


def _configuration(data: bytes) -> Content:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise YamlError("The file is not UTF-8.") from None
    entries = configurations.cameras_of(text)
    if len(entries) > spreadsheets.MAX_ROWS:
        raise YamlError(f"A file can hold at most {spreadsheets.MAX_ROWS:,} cameras.")
    content = Content([])
    seen: set[str] = set()
    for number, entry in enumerate(entries):
        name = entry.name.strip()
        if entry.refusal or name in seen:
            reason = entry.refusal or "Another camera of the file has this name."
            content.refused.append(Refused(NOT_A_LINE.sub("\ufffd", name)[:NAME_LENGTH], reason))
            continue
        seen.add(name)
        content.rows.append((number, entry.row()))
        if entry.note:
            content.notes[name] = entry.note
    return content


def _plan(content: Content, cameras: Cameras, may_change: bool) -> Plan:
    plan = Plan(refused=[*content.refused], notes=content.notes)
    names = {number: row.get("name", "").strip() for number, row in content.rows}
    for error in spreadsheets.validate(content.rows, cameras.all(), plan):
        label = _label(error.field).capitalize() if error.field in CameraForm.Meta.fields else ""
        parts = (f"Row {error.row}" if content.has_row_numbers else "", label, error.message)
        name = NOT_A_LINE.sub("\ufffd", names[error.row])[:NAME_LENGTH]
        plan.refused.append(Refused(name, ": ".join(filter(None, parts))))
    if not may_change:
        plan.refused += (Refused(camera.name, MAY_NOT_CHANGE) for camera in plan.changed)
        plan.changed = []
    stored = cameras.in_bulk([camera.pk for camera in plan.changed])
    plan.changes = {camera.name: _differences(stored[camera.pk], camera) for camera in plan.changed}
    return plan


def _differences(stored: Camera, camera: Camera) -> list[str]:
    """Returns the labels of the fields that differ between the two."""
    return [_label(name) for name in CameraForm.Meta.fields if getattr(stored, name) != getattr(camera, name)]


def _label(field: str) -> str:
    return str(Camera._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
