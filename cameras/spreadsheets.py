"""Export and import of cameras as CSV, for spreadsheets and for moving an installation.

A row changes the camera that has its name, or creates a camera. `CameraForm` validates each row. `import_cameras`
stores all rows, or none. Passwords are imported and never exported. A missing column keeps the stored values, and
so does an empty password. Other empty cells replace the stored value: an empty `enabled` means true.

Validation takes seconds, so it runs before the transaction, which would block other writers. The transaction then
checks whether somebody has changed the cameras since. If so, all is done again.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.db.models.functions import Cast

from cameras import grants
from cameras.forms import CameraForm
from cameras.models import Camera, cameras_changed

COLUMNS = ("name", "stream_url", "username", "password", "enabled", "substream_url")
STORED = ("stream_url", "substream_url", "username", "password", "enabled")  # the fields of a camera besides its name
MAX_BYTES = 1_000_000
MAX_ROWS = 5_000  # each is a form to validate: more would delay a worker's other pages for seconds
ATTEMPTS = 3  # to validate and store a file before somebody changes a camera
CHANGED = "The cameras were changed during the import. Send the file again."
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # cells that a spreadsheet executes, and such cells after escaping
WORDS = {
    "": True,
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}

Row = dict[str, str]  # column -> cell
Cameras: TypeAlias = "models.QuerySet[Camera]"


@dataclass(frozen=True)
class RowError:
    row: int  # as in a spreadsheet: the header is 1
    field: str  # name of the column, or "" for the whole row
    message: str


class FileError(Exception):
    """A CSV file cannot be imported. `rows`: a RowError for each error of the rows. There is only one if the file
    cannot be read, or if the cameras change during the import. The message has the first three."""

    def __init__(self, rows: list[RowError]) -> None:
        super().__init__(" ".join(f"Row {error.row}: {error.message}" for error in rows[:3]))
        self.rows = rows


@dataclass
class Outcome:
    """The cameras of an imported file, by what the import did with them, or would do."""

    created: list[Camera] = field(default_factory=list)
    changed: list[Camera] = field(default_factory=list)
    unchanged: list[Camera] = field(default_factory=list)


Found = TypeVar("Found", bound=Outcome)


def export(cameras: Iterable[Camera]) -> str:
    """Returns the cameras as CSV, without passwords. A cell that a spreadsheet would execute as a formula gets an
    apostrophe in front, which `read_rows` removes.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for camera in cameras:
        cells = (camera.name, camera.stream_url, camera.username, "", str(camera.enabled).lower(), camera.substream_url)
        writer.writerow(map(escaped, cells))
    return text.getvalue()


def import_cameras(
    data: bytes, cameras: Cameras, *, dry_run: bool = False, user: AbstractBaseUser | None = None
) -> Outcome:
    """Change those of `cameras` whose names are in a CSV file. Create a camera for each other name, even if a
    camera outside `cameras` has it. Returns the created, changed and unchanged ones. With `dry_run`, nothing is
    stored. Raises FileError if `read_rows` cannot read the file, a row is not valid, or `cameras` change during
    each of the ATTEMPTS; then nothing is changed.

    `user`: who imports; they get a grant for each new camera that would be hidden from them otherwise.
    """
    rows = list(read_rows(data))
    return store_validated(lambda: _validated(rows, cameras.all()), cameras, dry_run=dry_run, user=user)


def store_validated(
    validated: Callable[[], Found], cameras: Cameras, *, dry_run: bool, user: AbstractBaseUser | None = None
) -> Found:
    """Call `validated`, store the cameras that it returns, and return its result. With `dry_run`, nothing is stored.

    If somebody changes `cameras` meanwhile, all is done again, so `validated` must query them anew in each call. Raises
    FileError after ATTEMPTS times, and what `validated` raises. `user`: who imports; they get a grant for each new
    camera that would be hidden from them otherwise.
    """
    for _ in range(ATTEMPTS):
        known = _as_stored(cameras.all())
        outcome = validated()
        if dry_run or _store(outcome, cameras, known, user):
            return outcome
    raise FileError([RowError(1, "", CHANGED)])


# Storing.


def _as_stored(cameras: Cameras) -> set[tuple[object, ...]]:
    """Returns the stored values of each camera, to notice changes. Passwords are as they are stored, encrypted: each
    change of a password encrypts it anew.
    """
    password = Cast("password", models.TextField())
    others = [name for name in STORED if name != "password"]
    return set(cameras.values_list("pk", "name", password, *others))


def _store(outcome: Outcome, cameras: Cameras, known: set[tuple[object, ...]], user: AbstractBaseUser | None) -> bool:
    """Store the new and changed cameras of `outcome`, and for `user` the grants without which new ones would be hidden
    from them.

    Returns False, with nothing stored, if `cameras` are not as `known` (an earlier result of `_as_stored`) any more.
    """
    with transaction.atomic():
        if _as_stored(cameras.select_for_update()) != known:
            return False
        Camera.objects.bulk_create(
            [*outcome.created, *outcome.changed],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=STORED,
        )
        if user is not None:
            grants.keep_visible(user, outcome.created)
        cameras_changed.send(Camera, cameras=outcome.changed)  # the new ones have no viewers yet
    return True


# Reading.


def read_rows(data: bytes) -> Iterator[tuple[int, Row]]:
    """Yields the number of each row below the header that is not empty, and its cells by column. The file's first
    row, even an empty one, is 1. The apostrophes that `export` puts before formulas are removed, except from
    passwords. A column without a cell is left out. Raises FileError if the file is not CSV in UTF-8, a row has more
    cells than the header, or there are more than MAX_ROWS. Raises it too if the header lacks `name`, has a column
    twice, or has one that is not in COLUMNS. The rows before the error may have been yielded.
    """
    records = _records(data)
    _, header = next(records, (1, []))
    columns = [cell.strip().lower() for cell in header]
    wrong = [name for name in columns if name not in COLUMNS]
    if "name" not in columns or wrong or len(set(columns)) < len(columns):
        raise FileError([RowError(1, "", f"The first row must name the columns (of {', '.join(COLUMNS)}), each once.")])
    for count, (number, cells) in enumerate(records, 1):
        if len(cells) > len(columns):
            raise FileError([RowError(number, "", f"There are {len(cells)} cells for {len(columns)} columns.")])
        if count > MAX_ROWS:
            raise FileError([RowError(number, "", f"A file can hold at most {MAX_ROWS} cameras.")])
        row = dict(zip(columns, cells, strict=False))
        yield number, {name: cell if name == "password" else _unescaped(cell) for name, cell in row.items()}


def _records(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yields the number (from 1, empty rows count) and the cells of each row that is not empty, the header too. The
    separator is the header's: spreadsheets in many languages write semicolons. Raises FileError if `data` is not CSV in
    UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError([RowError(data.count(b"\n", 0, error.start) + 1, "", "The file is not UTF-8.")]) from error
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                yield number, cells
    except csv.Error as error:
        raise FileError([RowError(number + 1, "", f"The row is not CSV: {error}.")]) from error


def escaped(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


# Validating.


def _validated(rows: list[tuple[int, Row]], cameras: Cameras) -> Outcome:
    outcome = Outcome()
    if errors := validate(rows, cameras, outcome):
        raise FileError(errors)
    return outcome


def validate(rows: Iterable[tuple[int, Row]], cameras: Cameras, outcome: Outcome) -> list[RowError]:
    """Validate rows, each with its number, and store nothing. Adds the camera of each valid row to `outcome`: the one
    of `cameras` with the row's name, with its new values, or a new one. Returns the errors of the other rows. It is an
    error if an earlier row, or more than one of `cameras`, has the row's name. An exception of `rows` is passed on.
    """
    stored: dict[str, list[Camera]] = {}
    for camera in cameras:
        stored.setdefault(camera.name, []).append(camera)
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    for number, row in rows:
        name = row.get("name", "").strip()
        if name in seen:
            errors.append(RowError(number, "name", f"Row {seen[name]} has the same name."))
            continue
        seen[name] = number
        found = stored.get(name, [])
        if len(found) > 1:
            errors.append(RowError(number, "name", f"{len(found)} cameras have this name. Rename them first."))
        else:
            errors += _validate(number, row, found[0] if found else None, outcome)
    return errors


def _validate(number: int, row: Row, camera: Camera | None, outcome: Outcome) -> list[RowError]:
    """Validate a row, and add its camera to the outcome if it is valid. `number`: of the row. `camera`: the stored one
    with the row's name, which gets the new values, or None. Returns the row's errors.
    """
    enabled = WORDS.get(row.get("enabled", "").strip().lower())
    if enabled is None:
        return [RowError(number, "enabled", "Enter true or false.")]
    before = _facts(camera) if camera else None
    known = {name: getattr(camera, name) for name in STORED if name != "password"} if camera else {}
    given = {**row, "enabled": enabled} if "enabled" in row or not camera else row
    form = CameraForm({**known, **given}, instance=camera)
    if not form.is_valid():
        return [RowError(number, name, str(text)) for name, texts in form.errors.items() for text in texts]
    if before is None:
        outcome.created.append(form.instance)
    elif before == _facts(form.instance):
        outcome.unchanged.append(form.instance)
    else:
        outcome.changed.append(form.instance)
    return []


def _facts(camera: Camera) -> tuple[object, ...]:
    return tuple(getattr(camera, name) for name in STORED)
