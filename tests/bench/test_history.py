"""The checker of soak histories (bench/history.py): it finds what is planted, and nothing else."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.history import Event, Recorder, check, read


def viewing(viewer: str, begin: float, end: float) -> list[Event]:
    return [Event("live", begin, viewer), Event("frame", (begin + end) / 2, viewer), Event("frame", end, viewer)]


def test_a_history_within_the_limit_is_accepted_with_its_figures() -> None:
    history = [
        Event("wants", 0, "a"),
        *viewing("a", 1, 5),
        *viewing("b", 2, 6),
        Event("left", 5, "a", code=1000),
        Event("refused", 3, "c", code=4429, reason="limit_reached"),
        *viewing("d", 5, 8),  # from the moment at which a's ends
        Event("observed", 4, count=2, limit=2),
    ]
    report = check(history, 2)
    assert not report.violations
    assert (report.admissions, report.largest_overlap, report.largest_unexpired) == (3, 2, 2)
    assert report.refusals == {"4429 limit_reached": 1}
    assert report.endings == {"1000": 1}


def test_one_viewing_too_many_is_found_and_named() -> None:
    report = check([*viewing("a", 1, 5), *viewing("b", 2, 6), *viewing("c", 4.9, 8)], 2)
    assert report.largest_overlap == 3
    assert report.violations == ["4.900: 3 viewings at once, 2 allowed: a, b, c"]


def test_a_viewing_lasts_to_its_last_frame_and_not_to_its_close() -> None:
    killed = [*viewing("a", 1, 2), Event("left", 30, "a", code=1006)]
    assert not check([*killed, *viewing("b", 17, 20)], 1).violations
    resumed = [*killed, Event("frame", 18, "a")]
    assert check([*resumed, *viewing("b", 17, 20)], 1).violations


def test_a_count_above_the_limit_in_redis_is_found() -> None:
    history = [Event("observed", 1, count=10), Event("observed", 2, count=11), Event("observed", 3, count=None)]
    report = check(history, 10)
    assert report.largest_unexpired == 11
    assert report.violations == ["2.000: 11 unexpired leases, 10 allowed"]


def test_a_frame_without_a_slot_is_found() -> None:
    assert check([Event("frame", 1, "a")], 10).violations == ["1.000: a got a frame without a slot"]


def test_a_second_admission_of_one_viewing_is_found() -> None:
    assert check([Event("live", 1, "a"), Event("live", 2, "a")], 10).violations == ["2.000: a was admitted twice"]


def test_the_slowest_admission_counts_only_while_a_slot_is_free_and_wanted() -> None:
    history = [
        Event("observed", 0, count=0),
        Event("wants", 10, "a"),
        Event("live", 11, "a"),  # 1 s
        Event("observed", 20, count=1),
        Event("wants", 30, "b"),
        Event("observed", 33, count=0),
        Event("live", 33.5, "b"),  # 0.5 s
        Event("observed", 40, count=0),
        Event("wants", 50, "c"),
        Event("rests", 50.25, "c"),
    ]
    assert check(history, 1).slowest_admission == 1


def test_a_file_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    events = [Event("live", 1.5, "a", "w0", 10), Event("observed", 2, count=None), Event("observed", 3, count=0)]
    with Recorder(path) as recorder:
        for event in events:
            recorder.add(event)
    with path.open("a") as file:
        file.write('{"event": "fra')
    assert list(read(path)) == events


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=12))
def test_the_largest_overlap_is_that_of_the_busiest_moment(spans: list[tuple[int, int]]) -> None:
    history = [event for n, (at, length) in enumerate(spans) for event in viewing(f"{n}", at, at + length)]
    busiest = max((sum(at <= now < at + length for at, length in spans) for now in range(30)), default=0)
    assert check(history, 100).largest_overlap == busiest
