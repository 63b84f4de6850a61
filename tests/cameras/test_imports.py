"""Import of cameras from files of any kind: by `import_file`, by manage.py and by the administration's page."""

import io
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models import TextField
from django.db.models.functions import Cast
from django.test import Client
from django.urls import reverse

from cameras import encryption, imports
from cameras.import_page import EXPIRED, SECONDS
from cameras.imports import MAX_BYTES, MAY_NOT_CHANGE, ImportFileError, Plan, Refused
from cameras.models import Camera
from nvr.requests import MAX_BODY

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).parent / "configurations"
PAGE = reverse("admin:cameras_camera_import")
YAML = b"streams:\n  yard: rtsp://ada:s3cret@camera/live?token=t0ken\n"
CSV = b"name,stream_url,password\nGate,rtsp://ada@gate/live,s3cret\nRoof,file:///etc/passwd,s3cret\n"


def import_file(data: bytes, filename: str, **options: Any) -> Plan:
    return imports.import_file(data, filename, Camera.objects.all(), **options)


def names(plan: Plan) -> tuple[list[str], list[str], list[str], list[str]]:
    found = (plan.created, plan.changed, plan.unchanged)
    created, changed, unchanged = ([camera.name for camera in cameras] for cameras in found)
    return created, changed, unchanged, [refused.name for refused in plan.refused]


def stored() -> list[tuple[Any, ...]]:
    return [
        (camera.name, camera.stream_url, camera.username, camera.password, camera.enabled)
        for camera in Camera.objects.all()
    ]


# Files.


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("go2rtc.yaml", (["sonoff_camera", "dahua_camera", "amcrest_doorbell", "http-reolink1"], 5)),
        ("frigate.yml", (["back", "name_your_rtsp_cam"], 1)),
        ("mediamtx.yml", (["proxied", "my_camera"], 3)),
        ("cameras.csv", (["Yard", "Gate"], 1)),
    ],
)
def test_the_example_of_each_format_is_imported_and_importing_it_again_changes_nothing(
    file: str, expected: tuple[list[str], int]
) -> None:
    data = (EXAMPLES / file).read_bytes()
    created, changed, unchanged, refused = names(import_file(data, file, dry_run=True))
    assert (created, changed, unchanged, len(refused)) == (expected[0], [], [], expected[1])
    assert not stored()
    import_file(data, file, dry_run=False)
    assert sorted(camera[0] for camera in stored()) == sorted(expected[0])
    assert names(import_file(data, file, dry_run=False)) == ([], [], expected[0], refused)


def test_a_login_is_stored_in_its_fields_and_encrypted() -> None:
    import_file(YAML, "go2rtc.yaml", dry_run=False)
    assert stored() == [("yard", "rtsp://camera/live?token=t0ken", "ada", "s3cret", True)]
    encrypted = Camera.objects.values_list(Cast("password", TextField()), flat=True).get()
    assert encrypted
    assert "s3cret" not in encrypted


def test_a_row_that_is_no_camera_is_left_out_and_the_others_are_stored() -> None:
    plan = import_file(CSV, "cameras.csv", dry_run=False)
    assert stored() == [("Gate", "rtsp://gate/live", "ada", "s3cret", True)]
    assert plan.refused == [
        Refused(
            "Roof",
            "Row 3: Stream address: The address must begin with one of rtsp://, rtsps://, http://, https://.",
        )
    ]
    assert str(plan) == "1 added, 0 changed, 0 unchanged, 1 left out"


def test_a_camera_of_the_same_name_is_changed_and_keeps_what_the_file_does_not_say() -> None:
    Camera.objects.create(name="yard", stream_url="rtsp://camera/old", username="ada", password="kept", enabled=False)
    plan = import_file(b"streams:\n  yard: rtsp://camera/live\n", "go2rtc.yaml", dry_run=False)
    assert plan.changes == {"yard": ["stream address"]}
    assert stored() == [("yard", "rtsp://camera/live", "ada", "kept", False)]


def test_a_stored_password_is_not_sent_to_another_host() -> None:
    Camera.objects.create(name="yard", stream_url="rtsp://camera/", username="ada", password="kept")
    plan = import_file(b"streams:\n  yard: rtsp://other/live\n", "go2rtc.yaml", dry_run=False)
    assert plan.refused == [Refused("yard", "Password: The address is on another host. Enter the password again.")]


def test_without_the_permission_cameras_that_exist_are_left_out() -> None:
    Camera.objects.create(name="yard", stream_url="rtsp://camera/")
    plan = import_file(YAML + b"  gate: rtsp://gate/\n", "go2rtc.yaml", dry_run=False, may_change=False)
    assert plan.refused == [Refused("yard", MAY_NOT_CHANGE)]
    assert [camera[:2] for camera in stored()] == [("gate", "rtsp://gate/"), ("yard", "rtsp://camera/")]


def test_two_cameras_of_one_name_and_names_with_control_characters_are_left_out() -> None:
    text = (
        "cameras:\n"
        "  a: {friendly_name: Yard, ffmpeg: {inputs: [{path: rtsp://a/}]}}\n"
        "  b: {friendly_name: Yard, ffmpeg: {inputs: [{path: rtsp://b/}]}}\n"
        '  c: {friendly_name: "\\e[2Jc", ffmpeg: {inputs: [{path: rtsp://c/}]}}\n'
        '  "\\e[2Jd": {}\n'
    )
    plan = import_file(text.encode(), "config.yml", dry_run=False)
    assert names(plan) == (["Yard"], [], [], ["Yard", "\ufffd[2Jd", "\ufffd[2Jc"])


@pytest.mark.parametrize("name", ["file", "cameras.txt", "x.csv"])
def test_csv_is_known_by_its_name_or_its_first_line(name: str) -> None:
    assert names(import_file(b"\xef\xbb\xbf" + CSV, name, dry_run=True))[0] == ["Gate"]
    assert names(import_file(b'"Name";stream_url\nGate;rtsp://gate/\n', name, dry_run=True))[0] == ["Gate"]


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"#" * (MAX_BYTES + 1), "a.yml", "at most 500,000 bytes"),
        (b"a: \xff", "a.yml", "not UTF-8"),
        (b"a: [", "a.yml", "not YAML"),
        (b"nam,stream_url\n", "a.csv", "must name the columns"),
        (b"plain text", "a.txt", "no configuration of go2rtc"),
        (b"", "", "no configuration of go2rtc"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(data: bytes, name: str, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        import_file(data, name, dry_run=True)


def test_a_substream_is_stored_and_shown_without_its_query(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes((EXAMPLES / "frigate.yml").read_bytes())
    assert "(substream: rtsp://10.0.10.10:554/cam/realmonitor?...)" in manage(str(file))
    back = Camera.objects.get(name="back")
    assert (back.stream_url, back.substream_url) == (
        "rtsp://10.0.10.10:554/live", "rtsp://10.0.10.10:554/cam/realmonitor?channel=1&subtype=2",
    )  # fmt: skip


# manage.py import_cameras.


def manage(*arguments: str) -> str:
    printed = io.StringIO()
    call_command("import_cameras", *arguments, stdout=printed)
    return printed.getvalue()


def test_the_command_prints_what_it_does_without_passwords(tmp_path: Path) -> None:
    file = tmp_path / "go2rtc.yaml"
    file.write_bytes(YAML + b"  gate: exec:s3cret\n")
    expected = (
        "+ yard  rtsp://camera/live?...\n"
        "- gate  exec: sources are not taken. Only rtsp://, rtsps://, http:// and https:// addresses are taken.\n"
    )
    assert manage(str(file), "--dry-run") == f"{expected}Would be: 1 added, 0 changed, 0 unchanged, 1 left out.\n"
    assert not stored()
    assert manage(str(file)) == f"{expected}Imported: 1 added, 0 changed, 0 unchanged, 1 left out.\n"
    assert len(stored()) == 1
    file.write_bytes(YAML.replace(b"/live", b"/sub").replace(b"s3cret", b"an0ther"))
    assert manage(str(file)).startswith("~ yard  rtsp://camera/sub?...  (changes: stream address, password)\n")


def test_the_command_prints_what_is_left_to_do() -> None:
    assert "Enter it in the camera's form." in manage(str(EXAMPLES / "frigate.yml"), "--dry-run")


def test_the_command_explains_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        manage(str(tmp_path / "missing.yml"))
    (tmp_path / "a.yml").write_text("a: [")
    with pytest.raises(CommandError, match=r"Nothing was imported\. Line 1"):
        manage(str(tmp_path / "a.yml"))


# The page.


def upload(client: Client, data: bytes, name: str = "go2rtc.yaml") -> str:
    answer = client.post(PAGE, {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 200
    return answer.text


def checked(page: str) -> str:
    found = re.search(r'name="checked" value="([^"]+)"', page)
    assert found
    return unescape(found[1])


def test_the_page_shows_what_a_file_changes_and_then_imports_it(admin_client: Client) -> None:
    Camera.objects.create(name="gate", stream_url="rtsp://gate/old")
    data = YAML + b"  gate: rtsp://gate/live\n  roof: exec:s3cret\n"
    page = upload(admin_client, data)
    assert "To be added: 1" in page
    assert "To be changed: 1" in page
    assert "Changes: stream address." in page
    assert "exec: sources are not taken." in page
    assert not any(secret in page for secret in ("s3cret", "t0ken"))
    assert len(stored()) == 1
    answer = admin_client.post(PAGE, {"checked": checked(page)}, follow=True)
    assert "Imported: 1 added, 1 changed, 0 unchanged, 1 left out." in answer.text
    assert [camera[1] for camera in stored()] == ["rtsp://gate/live", "rtsp://camera/live?token=t0ken"]
    assert Camera.objects.get(name="yard").password == "s3cret"
    assert LogEntry.objects.count() == 2
    assert not LogEntry.objects.filter(change_message__contains="s3cret").exists()


def test_a_csv_file_stays_one_between_the_two_steps(admin_client: Client) -> None:
    page = upload(admin_client, b"username,name\r\nada,Gate\r\n", "cameras.csv")
    admin_client.post(PAGE, {"checked": checked(page)})
    assert stored() == [("Gate", "", "ada", "", True)]


def test_a_page_with_nothing_to_import_has_no_button_for_it(admin_client: Client) -> None:
    page = upload(admin_client, b"streams:\n  roof: exec:s3cret\n")
    assert "nothing to import" in page
    assert 'name="checked"' not in page


def test_the_page_explains_what_it_cannot_read(admin_client: Client) -> None:
    assert "Line 1 is not YAML" in upload(admin_client, b"a: [")
    assert "at most 500,000 bytes" in upload(admin_client, b"#" * (MAX_BYTES + 1))
    assert "Choose a file." in admin_client.post(PAGE, {}).text
    for text in ("nonsense", encryption.encrypt("a.csv\nname\nGate\n"), checked(upload(admin_client, YAML))[:-8]):
        assert EXPIRED in admin_client.post(PAGE, {"checked": text}).text


def test_the_largest_file_fits_into_the_second_request(admin_client: Client) -> None:
    data = YAML.replace(b"yard", b"gate") + b"#" * 200_000
    assert len(urlencode({"checked": checked(upload(admin_client, data))})) / len(data) * MAX_BYTES < MAX_BODY - 10_000


def test_a_check_expires(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = upload(admin_client, YAML)
    monkeypatch.setattr("cameras.import_page.SECONDS", -SECONDS)
    assert EXPIRED in admin_client.post(PAGE, {"checked": checked(page)}).text
    assert not stored()


def test_the_page_needs_the_permission_to_add_and_changes_only_with_that_to_change(client: Client) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="change_camera"))
    assert client.post(PAGE, {"file": SimpleUploadedFile("a.yml", YAML)}).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename="add_camera"))
    page = upload(client, b"streams:\n  gate: rtsp://gate/\n")
    assert "Imported: 1 added" in client.post(PAGE, {"checked": checked(page)}, follow=True).text
    user.user_permissions.set(Permission.objects.filter(codename__in=("add_camera", "view_camera")))
    Camera.objects.create(name="yard", stream_url="rtsp://camera/")
    assert MAY_NOT_CHANGE in unescape(upload(client, YAML))
    assert PAGE in client.get(reverse("admin:cameras_camera_changelist")).text
    user.is_staff = False
    user.save()
    assert client.get(PAGE).status_code == 302
