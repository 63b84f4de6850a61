"""The checker of the waiting line's order (bench/turns.py): it finds who was overtaken, and excuses what the rules allow."""

import pytest

from bench.history import Event
from bench.turns import check_turns


def line(viewer: str, joined: float, admitted: float, kind: str = "ordinary", worker: str = "0") -> list[Event]:
    return [
        Event("asks", joined - 0.1, viewer, worker, reason=kind),
        Event("joins", joined, viewer, worker),
        Event("live", admitted, viewer, worker),
    ]


def new_viewer(viewer: str, asked: float, admitted: float) -> list[Event]:
    return [Event("asks", asked, viewer, "1", reason="ordinary"), Event("live", admitted, viewer, "1")]


def test_a_line_in_order_is_accepted_with_its_figures() -> None:
    gone = [Event("asks", 2, "c", "0", reason="ordinary"), Event("joins", 2.1, "c", "0"), Event("quits", 4, "c", "0")]
    turns = check_turns([*line("a", 1, 10), *line("b", 3, 20), *gone])
    assert not turns.violations
    assert (turns.joined, turns.admitted, turns.longest, turns.excused) == (3, 2, 17, 0)


@pytest.mark.parametrize("later", [line("b", 3, 10), new_viewer("b", 3, 10)])
def test_whoever_came_later_and_was_admitted_before_is_found(later: list[Event]) -> None:
    turns = check_turns([*line("a", 1, 20), *later])
    assert turns.violations == [
        "10.000: b overtook a (ordinary), who had waited for 9.0 s and waited 10.0 s more",
    ]


def test_somebody_who_was_overtaken_and_gave_up_is_found() -> None:
    gone = [Event("asks", 1, "a", "0", reason="ordinary"), Event("joins", 1.1, "a", "0"), Event("quits", 30, "a", "0")]
    assert len(check_turns([*gone, *line("b", 3, 10)]).violations) == 1


@pytest.mark.parametrize(
    "other",
    [
        line("b", 3, 19),  # both were granted a slot at nearly the same time
        line("b", 0.5, 10),  # came earlier
        line("b", 3, 10, kind="background"),
    ],
)
def test_what_the_rules_allow_is_no_violation(other: list[Event]) -> None:
    assert not check_turns([*line("a", 1, 20), *other]).violations


def test_a_viewer_whose_worker_was_paused_or_killed_is_excused_for_that_time() -> None:
    fault = [Event("fault", 6, worker="0", reason="pause a worker 0 (1.0 s)"), Event("mended", 7, worker="0")]
    assert check_turns([*line("a", 1, 20), *line("b", 3, 9.9), *fault]).excused == 1
    late = check_turns([*line("a", 1, 20), *line("b", 3, 10.1), *fault])
    assert (late.excused, len(late.violations)) == (0, 1)
    assert check_turns([*line("a", 1, 20, worker="2"), *line("b", 3, 9.9), *fault]).violations
