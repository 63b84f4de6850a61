"""Export and import of cameras as CSV. A file is imported whole or not at all."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras import spreadsheets
from cameras.models import Camera, cameras_changed
from cameras.spreadsheets import COLUMNS, MAX_ROWS, FileError, Outcome, _unescaped, escaped, export

pytestmark = pytest.mark.django_db

HEADER = ",".join(COLUMNS)
URL = "rtsp://camera:554/live"


@pytest.fixture
def stored() -> Camera:
    return Camera.objects.create(name="Yard", stream_url=URL, username="operator", password="kept s3cret")


def file(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


def import_cameras(data: bytes, **options: Any) -> Outcome:
    return spreadsheets.import_cameras(data, Camera.objects.all(), **options)


def refused(data: bytes) -> list[tuple[int, str, str]]:
    before = list(Camera.objects.values())
    with pytest.raises(FileError) as caught:
        import_cameras(data)
    assert list(Camera.objects.values()) == before
    return [(error.row, error.field, error.message) for error in caught.value.rows]


def counts(outcome: Outcome) -> tuple[int, int, int]:
    return len(outcome.created), len(outcome.changed), len(outcome.unchanged)


def names() -> list[str]:
    return list(Camera.objects.values_list("name", flat=True))


def test_rows_become_cameras() -> None:
    outcome = import_cameras(file(f"Gate,{URL},operator,s3cret,true", "Yard,,,,false"))
    assert counts(outcome) == (2, 0, 0)
    gate, yard = Camera.objects.all()
    assert (gate.name, gate.stream_url, gate.username, gate.password, gate.enabled) == (
        "Gate", URL, "operator", "s3cret", True,
    )  # fmt: skip
    assert (yard.name, yard.stream_url, yard.password, yard.enabled) == ("Yard", "", "", False)


def test_importing_an_export_changes_nothing(stored: Camera) -> None:
    for name in ("=1+1", "'=1+1", "@SUM(A1)", "'quoted'", 'say "hi", twice', "a;b", "Ж", "-", "''+"):
        Camera.objects.create(name=name, enabled=name != "-")
    before = list(Camera.objects.values())
    outcome = import_cameras(export(Camera.objects.all()).encode())
    assert counts(outcome) == (0, 0, len(before))
    assert list(Camera.objects.values()) == before


def test_a_file_without_the_column_of_substreams_keeps_them(stored: Camera) -> None:
    Camera.objects.update(substream_url="rtsp://camera:554/sub")
    old = "name,stream_url,username,password,enabled"
    assert counts(import_cameras(file(f"Yard,{URL},other,,true", header=old))) == (0, 1, 0)
    assert Camera.objects.get().substream_url == "rtsp://camera:554/sub"
    import_cameras(file(f"Yard,{URL},other,,true,"))
    assert Camera.objects.get().substream_url == ""


def test_a_password_is_never_exported(stored: Camera) -> None:
    text = export(Camera.objects.all())
    assert "s3cret" not in text
    assert next(csv.DictReader(io.StringIO(text)))["password"] == ""


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_execute_is_exported_escaped(sign: str) -> None:
    Camera.objects.create(name=f"{sign}cmd|' /C calc'!A0", username=f"{sign}x")
    row = next(csv.DictReader(io.StringIO(export(Camera.objects.all()), newline="")))
    assert row["name"].startswith(f"'{sign}")
    assert row["username"].startswith(f"'{sign}")


@given(st.text())
@settings(max_examples=300)
def test_import_removes_the_escape(cell: str) -> None:
    assert _unescaped(escaped(cell)) == cell
    assert not escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_password_is_imported_unchanged() -> None:
    import_cameras(file("Yard,,,'=secret,"))
    assert Camera.objects.get().password == "'=secret"


def test_a_row_changes_the_camera_of_its_name_and_keeps_its_password(stored: Camera) -> None:
    outcome = import_cameras(file("Yard,rtsp://camera:554/other,,,off"))
    assert counts(outcome) == (0, 1, 0)
    kept = Camera.objects.get()
    assert (kept.pk, kept.stream_url, kept.username, kept.password, kept.enabled) == (
        stored.pk, "rtsp://camera:554/other", "", "kept s3cret", False,
    )  # fmt: skip


def test_a_missing_column_changes_nothing(stored: Camera) -> None:
    Camera.objects.update(enabled=False)
    import_cameras(file("other,Yard", header="username,name"))
    kept = Camera.objects.get()
    assert (kept.stream_url, kept.username, kept.password, kept.enabled) == (URL, "other", "kept s3cret", False)


def test_an_import_does_not_send_a_stored_password_to_another_host(stored: Camera) -> None:
    assert refused(file("Yard,rtsp://evil/live,,,true")) == [
        (2, "password", "The address is on another host. Enter the password again.")
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + file("Höf,,,,"),
        file("Höf;;;;WAHR", header=HEADER.replace(",", ";")).replace(
            b"WAHR", b"TRUE"
        ),
        file("", ",,,,", "  , ,,,", "Höf,,,,", "", ""),
        file("\"Höf\",\"\",,,\"yes\""),
        file("  Höf  "),
        b"\n\n" + file("Höf,,,,", header=" Name , STREAM_URL,Username,password,enabled"),
        file("Höf,,,,").replace(b"\r\n", b"\n"),
        file("Höf,,,,").replace(b"\r\n", b"\r"),
    ],
    ids=["BOM", "semicolons", "empty lines", "quotes", "short row, spaces", "header", "Unix", "old Mac"],
)  # fmt: skip
def test_the_formats_of_spreadsheets_and_people_are_accepted(data: bytes) -> None:
    import_cameras(data)
    assert names() == ["Höf"]
    assert Camera.objects.get().enabled


def test_all_wrong_rows_are_named_and_nothing_is_imported(stored: Camera) -> None:
    wrong = refused(
        file(
            "Gate,rtsp://gate/live,,,true",
            ",rtsp://gate/live,,,",
            "",
            "Door,rtsp://user:pass@door/live,,,",
            'Roof,file:///etc/passwd,,,"tr\nue"',
            "Hall,,,,maybe",
            f"{'x' * 101},,,,",
        )
    )
    assert wrong == [
        (3, "name", "This field is required."),
        (5, "stream_url", "Enter the user name and the password in their own fields, not in the address."),
        (6, "enabled", "Enter true or false."),
        (7, "enabled", "Enter true or false."),
        (8, "name", "Ensure this value has at most 100 characters (it has 101)."),
    ]
    assert names() == ["Yard"]


def test_a_name_that_is_twice_in_a_file_is_an_error() -> None:
    assert refused(file("Yard,,,,", "Gate,,,,", " Yard,,,,")) == [(4, "name", "Row 2 has the same name.")]


def test_a_name_of_several_cameras_is_an_error(stored: Camera) -> None:
    Camera.objects.create(name="Yard")
    assert refused(file("Yard,,,,")) == [(2, "name", "2 cameras have this name. Rename them first.")]


@pytest.mark.parametrize("name", ["two\nlines", "\u202edraY", "ring\a"])
def test_a_name_with_invisible_characters_is_an_error(name: str) -> None:
    told = refused(file(f'"{name}",,,,'))
    assert told == [(2, "name", "Control characters, line breaks and direction marks are not allowed.")]


@pytest.mark.parametrize("header", ["", "stream_url", "name,id", "name,name", "name,", "Yard,rtsp://camera/"])
def test_a_wrong_header_is_an_error_in_row_1(header: str) -> None:
    assert refused(file("Yard", header=header))[0][0] == 1


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (file("Yard,,,,", "Gate,,,,,,"), 3),
        (file("Yard,,,,", '"Gate"x,,,,'), 3),
        (file("Yard,,,,", '"Gate,,,,'), 3),
        (file("Yard,,,,") + b"\xff\xfe", 3),
        (file("Yard,,,,").decode().encode("utf-16"), 1),
        (file("a\0b,,,,"), 2),
        (file("Yard," + "x" * 140_000), 2),
        (b"", 1),
    ],
    ids=["too many cells", "quote inside", "quote left open", "not UTF-8", "UTF-16", "NUL", "long cell", "empty"],
)
def test_a_broken_file_is_refused_with_its_row(data: bytes, row: int) -> None:
    assert refused(data)[0][0] == row


def test_a_dry_run_finds_the_same_and_changes_nothing(stored: Camera) -> None:
    data = file("Yard,,,,true", "Gate,,,,")
    before = list(Camera.objects.values())
    assert counts(import_cameras(data, dry_run=True)) == (1, 1, 0)
    assert list(Camera.objects.values()) == before
    with pytest.raises(FileError):
        import_cameras(file(",,x"), dry_run=True)


def test_rows_are_validated_again_when_cameras_change_during_the_import(
    stored: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = spreadsheets._validated
    meanwhile: list[Callable[[], object]] = [
        lambda: Camera.objects.update(password="newer s3cret", username="newer"),
    ]

    def check(rows: Any, cameras: Any) -> Outcome:
        outcome = checked(rows, cameras)
        if meanwhile:
            meanwhile.pop()()
        return outcome

    monkeypatch.setattr(spreadsheets, "_validated", check)
    import_cameras(file("Yard,false", header="name,enabled"))
    kept = Camera.objects.get()
    assert (kept.pk, kept.username, kept.password, kept.enabled) == (stored.pk, "newer", "newer s3cret", False)
    meanwhile += [lambda: Camera.objects.create(name="Gate")] * spreadsheets.ATTEMPTS
    with pytest.raises(FileError, match="during the import"):
        import_cameras(file("Yard,true", header="name,enabled"))
    assert not Camera.objects.get(name="Yard").enabled


def test_running_streams_get_one_signal_for_all_changed_cameras(stored: Camera) -> None:
    told: list[list[Camera]] = []

    def hear(cameras: list[Camera], **_: Any) -> None:
        told.append(cameras)

    cameras_changed.connect(hear)
    try:
        import_cameras(file(f"Yard,{URL}/other,,,", "Gate,,,,"))
        import_cameras(file("Yard,,,,", "Gate,,,,"), dry_run=True)
    finally:
        cameras_changed.disconnect(hear)
    assert told == [[stored]]


@pytest.mark.django_db(transaction=True)
def test_others_write_while_rows_are_validated_and_a_dry_run_writes_nothing(
    stored: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, written = spreadsheets._validated, []

    def check(rows: Any, cameras: Any) -> Outcome:
        assert not connection.in_atomic_block
        written.append(Camera.objects.filter(name="nobody's").update(enabled=False))
        return checked(rows, cameras)

    monkeypatch.setattr(spreadsheets, "_validated", check)
    for dry_run in (True, False):
        with CaptureQueriesContext(connection) as queries:
            import_cameras(file("Yard,,,,false"), dry_run=dry_run)
        begun = [query for query in queries if query["sql"].startswith("BEGIN")]
        assert len(begun) == (0 if dry_run else 1)
    assert len(written) == 2


@pytest.mark.timeout(20)
def test_the_largest_file_is_imported_within_seconds() -> None:
    rows = [f"Camera {number},{URL},operator,secret,true" for number in range(MAX_ROWS)]
    assert counts(import_cameras(file(*rows))) == (MAX_ROWS, 0, 0)
    assert refused(file(*rows, "one more"))[0][0] == MAX_ROWS + 2
