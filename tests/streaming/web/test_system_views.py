"""Settings > System: permissions, and answers to invalid input. tests/browser/system tests the effects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from streaming.admin import PAGES
from streaming.limits import policy
from streaming.models import LimitChange, Minute, Refusal
from streaming.web.system_views import ENDPOINTS, PAGE

pytestmark = pytest.mark.django_db

VIEW, STOP, CHANGE = "view_system", "stop_stream", "change_limits"
READ = ("usage", "line", "limits", "preview", "history", "refusals")
ORDERS = {
    **dict.fromkeys(("stop", "stop-camera", "line-front", "line-remove", "blocks"), STOP),
    **dict.fromkeys(("limits", "trial"), CHANGE),
}


def url(name: str) -> str:
    return reverse(f"admin:streaming_system_{name}")


def person(*permissions: str, staff: bool = True, name: str = "ada") -> User:
    user = User.objects.create_user(name, is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def client_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


@pytest.fixture
def client() -> Client:
    """The client of a user with all permissions of the page."""
    return client_of(person(VIEW, STOP, CHANGE))


# Permissions.


@pytest.mark.parametrize("name", [*READ, *PAGES])
def test_a_user_without_the_page_s_permission_reads_nothing(name: str) -> None:
    assert client_of(person(STOP, CHANGE)).get(url(name)).status_code == 403


def test_a_user_who_may_not_stop_streams_sees_no_blocked_users() -> None:
    assert client_of(person(VIEW, CHANGE)).get(url("blocks")).status_code == 403


@pytest.mark.parametrize("name", [*ENDPOINTS, *PAGES])
def test_a_user_who_is_not_staff_is_sent_to_the_log_in_whatever_their_permissions(name: str) -> None:
    client = client_of(person(VIEW, STOP, CHANGE, staff=False))
    assert client.get(url(name)).status_code == 302
    assert client.post(url(name)).status_code == 302


@pytest.mark.parametrize(("name", "needed"), ORDERS.items())
def test_a_change_needs_its_own_permission_and_that_of_seeing_the_page(name: str, needed: str) -> None:
    others = {STOP, CHANGE} - {needed}
    assert client_of(person(VIEW, *others, name="sees")).post(url(name)).status_code == 403
    assert client_of(person(needed, name="blind")).post(url(name)).status_code == 403
    assert not LimitChange.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("name", ORDERS)
def test_a_change_without_a_csrf_token_is_refused(name: str) -> None:
    assert client_of(person(VIEW, STOP, CHANGE), enforce_csrf_checks=True).post(url(name)).status_code == 403


@pytest.mark.parametrize(
    ("name", "method"), [("stop", "get"), ("usage", "post"), ("history", "post"), ("limits", "put")]
)
def test_each_endpoint_refuses_other_methods(client: Client, name: str, method: str) -> None:
    assert getattr(client, method)(url(name)).status_code == 405


# Invalid input.


@pytest.mark.parametrize(
    ("name", "data", "wrong"),
    [
        ("stop", {}, {"viewing"}),
        ("stop", {"viewing": "a", "message": "x" * 201}, {"message"}),
        ("stop", {"viewing": "a", "message": "two\nlines\x1b"}, {"message"}),
        ("stop", {"viewing": "a", "block_seconds": "-1"}, {"block_seconds"}),
        ("stop", {"viewing": "a", "block_seconds": "86401"}, {"block_seconds"}),
        ("stop", {"viewing": "a", "block_seconds": "long"}, {"block_seconds"}),
        ("stop-camera", {"camera": "none"}, {"camera"}),
        ("line-front", {}, {"waiting"}),
        ("line-remove", {"waiting": "a", "message": "x" * 201}, {"message"}),
        ("blocks", {}, {"user"}),
        ("limits", {"max_concurrent": "0", "max_mbps": "-3", "max_per_user": "2.5"}, None),
        ("limits", {"reserved_slots": "2"}, {"reserved_group"}),
        ("limits", {"reserved_group": "999"}, {"reserved_group"}),
        ("trial", {}, {"__all__"}),
        ("trial", {"max_concurrent": ""}, {"__all__"}),
        ("trial", {"max_concurrent": "many"}, {"max_concurrent"}),
        ("trial", {"max_mbps": "0"}, {"max_mbps"}),
    ],
)
def test_each_invalid_field_is_named_and_nothing_changes(
    client: Client, name: str, data: dict[str, str], wrong: set[str] | None
) -> None:
    answer = client.post(url(name), data)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == (set(data) if wrong is None else wrong)
    assert all(isinstance(text, str) and text for texts in answer.json()["errors"].values() for text in texts)
    assert not LimitChange.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "query", "wrong"),
    [
        ("preview", {}, "max_concurrent"),
        ("preview", {"max_concurrent": "0"}, "max_concurrent"),
        ("history", {}, "range"),
        ("history", {"range": "1y"}, "range"),
        ("refusals", {"before": "yesterday"}, "before"),
        ("refusals", {"before": "9" * 20}, "before"),
    ],
)
def test_an_invalid_query_is_answered_with_the_invalid_field(
    client: Client, name: str, query: dict[str, str], wrong: str
) -> None:
    answer = client.get(url(name), query)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {wrong}


# Limits.


def described(answer: Any) -> dict[str, dict[str, Any]]:
    return {limit["name"]: limit for limit in answer.json()["limits"]}


def test_a_limit_shows_who_set_it_and_when_even_after_others_were_changed(client: Client) -> None:
    client.post(url("limits"), {"max_concurrent": "3"})
    boris = client_of(person(VIEW, CHANGE, name="boris"))
    limits = described(boris.post(url("limits"), {"max_mbps": "20.5"}))
    assert (limits["max_concurrent"]["value"], limits["max_concurrent"]["set_by"]) == (3, "ada")
    assert (limits["max_mbps"]["value"], limits["max_mbps"]["set_by"]) == (20.5, "boris")
    assert limits["max_mbps"]["set_at"] == pytest.approx(timezone.now().timestamp() * 1000, abs=10_000)
    assert limits["max_per_user"]["source"] == "environment"
    assert limits["max_per_user"]["set_at"] is None


def test_a_budget_that_is_too_low_for_one_stream_is_saved_with_a_warning(client: Client) -> None:
    (warning,) = client.post(url("limits"), {"max_mbps": "3"}).json()["warnings"]
    assert "3 Mbit/s is less than the estimate for one stream" in warning
    assert client.post(url("limits"), {"max_mbps": "30"}).json()["warnings"] == []


def test_an_empty_field_resets_the_limit_to_the_environment_s_default(client: Client) -> None:
    client.post(url("limits"), {"max_concurrent": "3"})
    limits = described(client.post(url("limits"), {"max_concurrent": ""}))
    assert limits["max_concurrent"]["value"] == limits["max_concurrent"]["default"]
    assert limits["max_concurrent"]["set_by"] == ""


def test_each_change_is_logged_on_the_page_and_in_the_administration(client: Client) -> None:
    group = Group.objects.create(name="Operators")
    client.post(url("limits"), {"max_concurrent": "3"})
    client.post(url("limits"), {"reserved_slots": "1", "reserved_group": str(group.pk)})
    client.post(url("trial"), {"max_concurrent": "2"})
    log = client.post(url("trial"), {"stop": "1"}).json()["log"]
    expected = [
        "Dry run stopped",
        "Dry run started: Total streams 2",
        "Slots reserved for a group: default → 1, Group with reserved slots: default → Operators",
        "Total streams: default → 3",
    ]
    assert [change["text"] for change in log] == expected
    assert [change["trial"] for change in log] == [True, True, False, False]
    entries = LogEntry.objects.order_by("-pk")
    assert [entry.change_message for entry in entries] == expected
    assert {(entry.user.get_username(), entry.action_flag) for entry in entries} == {("ada", 2)}
    assert {str(entry.content_type) for entry in entries} == {"Settings | System"}


def test_the_log_names_a_group_that_was_deleted(client: Client) -> None:
    group = Group.objects.create(name="Operators")
    client.post(url("limits"), {"reserved_slots": "1", "reserved_group": str(group.pk)})
    client.post(url("trial"), {"reserved_slots": "2", "reserved_group": str(group.pk)})
    before = [change["text"] for change in client.get(url("limits")).json()["log"]]
    group.delete()
    answer = client.get(url("limits"))
    assert [change["text"] for change in answer.json()["log"]] == before
    slots = described(answer)["reserved_slots"]
    assert (slots["value"], slots["source"], slots["set_by"]) == (0, "deleted", "")


def test_a_request_that_changes_nothing_is_not_logged_and_each_dry_run_starts_again(client: Client) -> None:
    client.post(url("limits"), {"max_concurrent": "3"})
    assert client.post(url("limits"), {}).status_code == 200
    assert client.post(url("limits"), {"max_concurrent": "3"}).status_code == 200
    assert client.post(url("trial"), {"stop": "1"}).status_code == 200
    assert LogEntry.objects.count() == LimitChange.objects.count() == 1
    since = [client.post(url("trial"), {"max_concurrent": "2"}).json()["trial"]["since"] for _ in range(2)]
    assert since[1] > since[0]


def test_the_log_shows_the_ten_newest_changes(client: Client) -> None:
    for limit in range(3, 15):
        client.post(url("limits"), {"max_concurrent": str(limit)})
    log = client.get(url("limits")).json()["log"]
    assert len(log) == 10
    assert log[0]["text"] == "Total streams: 13 → 14"
    assert log[-1]["text"] == "Total streams: 4 → 5"


def refuse(*, dry_run: bool = False, ago: timedelta = timedelta(), **facts: Any) -> Refusal:
    words = {"user": "viewer", "camera": "Yard", "quality": "medium", "reason": "limit_reached"}
    return Refusal.objects.create(time=timezone.now() - ago, dry_run=dry_run, in_use=3, limit=3, **{**words, **facts})


def test_a_dry_run_counts_whom_it_would_have_refused_since_it_began(client: Client) -> None:
    refuse(dry_run=True, ago=timedelta(minutes=5))
    client.post(url("trial"), {"max_concurrent": "2"})
    refuse(dry_run=True)
    refuse()
    trial = client.get(url("limits")).json()["trial"]
    assert (trial["by"], trial["would_refuse"]) == ("ada", 1)
    assert described(client.get(url("limits")))["max_concurrent"]["trial"] == 2
    assert policy.load().max_concurrent != 2
    assert client.post(url("trial"), {"stop": "1"}).json()["trial"] is None


def test_an_ended_dry_run_keeps_its_result_until_the_next_one(client: Client) -> None:
    def ended() -> Any:
        return client.get(url("limits")).json()["ended_trial"]

    assert ended() is None
    client.post(url("trial"), {"max_concurrent": "2", "max_per_user": "1"})
    refuse(dry_run=True)
    assert ended() is None
    answer = client.post(url("trial"), {"stop": "1"}).json()
    refuse(dry_run=True)  # of what is not in force any more
    refuse()
    result = ended()
    assert result == answer["ended_trial"]
    assert (result["limits"], result["would_refuse"]) == ("Total streams 2, Streams per user 1", 1)
    assert timezone.now().timestamp() * 1000 - 10_000 < result["since"] < result["until"]
    client.post(url("trial"), {"max_concurrent": "3"})
    assert ended() is None
    LimitChange.objects.filter(trial=True).update(time=timezone.now() - timedelta(days=31))
    client.post(url("trial"), {"stop": "1"})
    assert ended() is None  # its refusals are deleted by now


# History.


def test_refused_viewers_come_in_pages_newest_first(client: Client) -> None:
    for minutes in range(PAGE + 3):
        refuse(ago=timedelta(minutes=minutes))
    first = client.get(url("refusals")).json()
    times = [refusal["time"] for refusal in first["refusals"]]
    assert times == sorted(times, reverse=True)
    assert (len(times), first["more"]) == (PAGE, True)
    rest = client.get(url("refusals"), {"before": str(times[-1] + 1)}).json()
    ids = {refusal["id"] for page in (first, rest) for refusal in page["refusals"]}
    assert (len(ids), rest["more"]) == (PAGE + 3, False)


@pytest.mark.parametrize(("name", "days", "points"), [("1h", 7, 60), ("24h", 7, 288), ("7d", 7, 336), ("30d", 30, 360)])
def test_each_range_has_a_suitable_number_of_points(client: Client, name: str, days: int, points: int) -> None:
    past = client.get(url("history"), {"range": name}).json()
    assert past["days"] == days
    assert len(past["hours"]) == 24
    assert points <= len(past["columns"]["time"]) <= points + 2


def test_a_recorded_minute_is_in_the_chart_and_in_the_preview(client: Client) -> None:
    minute = int(datetime.now(UTC).timestamp() // 60) - 5
    reasons = {"limit_reached": 4}
    Minute.objects.create(
        minute=minute, peak=5, limit=5, granted=6, refused=4, refusals=reasons, arrivals={"0": 2, "4": 4}
    )
    columns = client.get(url("history"), {"range": "1h"}).json()["columns"]
    index = columns["time"].index(minute * 60)
    assert (columns["peak"][index], columns["refusals"]["limit_reached"][index]) == (5, 4)
    preview = client.get(url("preview"), {"max_concurrent": "4"}).json()
    assert (preview["would_be_refused"], preview["newcomers"], preview["days"]) == (8, 10, 7)
