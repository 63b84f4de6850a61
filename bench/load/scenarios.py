"""The three load tests: many viewers, many openings at once, many refusals. Each prints its figures and whether its
promises are kept.
"""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from bench.clients import Watch
from bench.counting_viewer import CountingViewer
from bench.load.installation import Installation
from bench.load.outcome import Outcome, ProcessorUse
from bench.results import percentile
from tests.client import Session

LONGEST_GAP = 3.0  # seconds without a picture
FAIR = 0.8  # of the median viewer's rate
KEPT = 0.9  # of its rate before the refusals
TOGETHER = 20  # viewers that open at once
REFUSED = "4429 limit_reached"


async def many(installation: Installation, options: argparse.Namespace, outcome: Outcome) -> None:
    """Many viewers watch: none gets far fewer pictures than others, memory stays flat, one viewer more is refused."""
    session, seconds = Session(installation.base), options.minutes * 60
    viewers = _viewers(installation, [session], options.viewers)
    await _show(viewers)
    slots = installation.slots()
    outcome.promise("a slot for each viewer", slots == options.viewers, f"{slots} of {options.viewers}")
    late = await viewer_at(session, installation.cameras[0]).open()
    await _all("an answer", 10, [late.gone.wait()])
    outcome.promise("one more is refused", late.close_code == 4429, _answer(late))
    use = ProcessorUse(installation.programs)
    await asyncio.sleep(5)
    for viewer in viewers:
        viewer.count_from_now()
    use.start()
    await asyncio.sleep(seconds / 5)
    early = installation.memory()
    await asyncio.sleep(seconds * 4 / 5)
    memory = installation.memory()
    _judge_pictures(viewers, seconds, outcome)
    use.report()
    flat = all(now <= then * 1.1 + 5 for then, now in zip(early, memory, strict=True))
    figure = ", ".join(f"{then:.0f}->{now:.0f}" for then, now in zip(early, memory, strict=True))
    outcome.promise("the workers' memory stays flat", flat, f"MB {figure}")
    await _leave(viewers, installation, outcome)


def _judge_pictures(viewers: Sequence[CountingViewer], seconds: float, outcome: Outcome) -> None:
    rates, gap = sorted(viewer.frames / seconds for viewer in viewers), max(viewer.longest_gap for viewer in viewers)
    median = statistics.median(rates)
    ended = Counter(_answer(viewer) for viewer in viewers if viewer.gone.is_set())
    outcome.promise("every stream still runs", not ended, f"ended: {dict(ended)}")
    figure = f"least {rates[0]:.2f}, median {median:.2f}, most {rates[-1]:.2f} frames/s"
    outcome.promise("nobody gets less than 80 % of the median", rates[0] >= FAIR * median, figure)
    outcome.promise("nobody waits longer than 3 s for a picture", gap <= LONGEST_GAP, f"longest {gap:.2f} s")


async def handshakes(installation: Installation, options: argparse.Namespace, outcome: Outcome) -> None:
    """Many viewers open streams at once: exactly as many as the limit are admitted, all others are refused."""
    limit = SCENARIOS["handshakes"].limit
    sessions = _sessions(installation)
    for turn in range(3):
        viewers = _viewers(installation, sessions, options.handshakes, cameras=1)
        use = ProcessorUse(installation.programs)
        use.start()
        await asyncio.gather(*(viewer.open() for viewer in viewers))
        await _all("an answer", 60, [viewer.answered.wait() for viewer in viewers])
        use.report()
        answers = Counter("live" if viewer.is_admitted else _answer(viewer) for viewer in viewers)
        expected = {"live": limit, REFUSED: options.handshakes - limit}
        outcome.promise(f"round {turn + 1}: every handshake is answered", answers == expected, f"{dict(answers)}")
        times = [viewer.answer_seconds for viewer in viewers]
        p50, p99 = (percentile(times, percent) or 0.0 for percent in (50, 99))
        print(f"  answered after: p50 {p50:.2f} s, p99 {p99:.2f} s, last {max(times):.2f} s")
        await _leave(viewers, installation, outcome)


async def refused(installation: Installation, options: argparse.Namespace, outcome: Outcome) -> None:
    """Many viewers are refused: that does not slow down the running streams."""
    sessions = _sessions(installation)
    viewers = _viewers(installation, sessions, SCENARIOS["refused"].limit)
    await _show(viewers)
    await asyncio.sleep(5)
    seconds, use = options.minutes * 60, ProcessorUse(installation.programs)
    before = await _rates(viewers, min(60, seconds / 2))
    use.start()
    during, visitors = await asyncio.gather(
        _rates(viewers, seconds), _open_and_wait(installation, sessions, options.openings, seconds)
    )
    use.report()
    worst = min(now / then for now, then in zip(during, before, strict=True))
    figure = f"median {statistics.median(before):.2f} -> {statistics.median(during):.2f} frames/s"
    outcome.promise("no running stream loses 10 % of its rate", worst >= KEPT, f"worst {worst * 100:.1f} %; {figure}")
    codes = Counter(_answer(visitor) for visitor in visitors)
    outcome.promise("every opening is refused with 4429", set(codes) == {REFUSED}, f"{dict(codes)}")
    times = [visitor.answer_seconds * 1000 for visitor in visitors]
    p50, p99 = (percentile(times, percent) or 0.0 for percent in (50, 99))
    print(f"  refused after: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    await _leave(viewers, installation, outcome)


async def _open_and_wait(
    installation: Installation, sessions: Sequence[Session], openings: int, seconds: float
) -> list[CountingViewer]:
    """Open `openings` viewers a minute, evenly spaced, for `seconds`. Returns those whose connection has ended."""

    async def open_one(visitor: CountingViewer) -> None:
        await (await visitor.open()).gone.wait()

    started, visitors, tasks = time.monotonic(), list[CountingViewer](), list[asyncio.Task[None]]()
    while (due := len(visitors) * 60 / openings) < seconds:
        await asyncio.sleep(started + due - time.monotonic())
        visitors.append(viewer_at(sessions[len(visitors) % len(sessions)], installation.cameras[0]))
        tasks.append(asyncio.create_task(open_one(visitors[-1])))
    await _all("an answer", 30, tasks)
    return [visitor for visitor in visitors if visitor.gone.is_set()]


# Steps that the scenarios share.


def viewer_at(session: Session, camera: str) -> CountingViewer:
    return CountingViewer(Watch(session.base, f"/api/v1/cameras/{camera}/stream?quality=low", session.cookie))


def _viewers(
    installation: Installation, sessions: Sequence[Session], count: int, cameras: int | None = None
) -> list[CountingViewer]:
    """Returns `count` viewers that are not open yet, evenly over `sessions` and the first `cameras` cameras (None:
    all).
    """
    ids = installation.cameras[:cameras]
    return [viewer_at(sessions[number % len(sessions)], ids[number % len(ids)]) for number in range(count)]


def _sessions(installation: Installation) -> list[Session]:
    """Log in one user. Returns their session at each worker."""
    session = Session(installation.workers[0].base)
    return [session.at(worker.base) for worker in installation.workers]


async def _show(viewers: Sequence[CountingViewer]) -> None:
    """Open all viewers, a batch at a time, and wait for their first pictures."""
    for start in range(0, len(viewers), TOGETHER):
        batch = viewers[start : start + TOGETHER]
        await asyncio.gather(*(viewer.open() for viewer in batch))
        await _all("a first picture", 60, [viewer.seen.wait() for viewer in batch])


def _answer(viewer: CountingViewer) -> str:
    return f"{viewer.close_code} {viewer.record.ended}"


async def _rates(viewers: Sequence[CountingViewer], seconds: float) -> list[float]:
    """Measure for `seconds`. Returns the frames a second of each viewer."""
    for viewer in viewers:
        viewer.count_from_now()
    await asyncio.sleep(seconds)
    return [viewer.frames / seconds for viewer in viewers]


async def _all(what: str, seconds: float, waits: Sequence[Awaitable[object]]) -> None:
    """Wait `seconds` at most for all of `waits`. Prints how many have not got `what` then, and cancels them."""
    if waits:
        _, missing = await asyncio.wait([asyncio.ensure_future(wait) for wait in waits], timeout=seconds)
        for task in missing:
            task.cancel()
        if missing:
            print(f"  {len(missing)} of {len(waits)} had not got {what} after {seconds:g} s")


async def _leave(viewers: Sequence[CountingViewer], installation: Installation, outcome: Outcome) -> None:
    """Close all viewers, and wait 15 s at most until Redis holds no slot. Adds that as a promise to `outcome`."""
    await asyncio.gather(*(viewer.close() for viewer in viewers))
    started = time.monotonic()
    while (left := installation.slots()) and time.monotonic() - started < 15:  # noqa: ASYNC110 - Redis sends no event
        await asyncio.sleep(0.05)
    outcome.promise("no slot is held after all have left", left == 0, f"after {time.monotonic() - started:.2f} s")


@dataclass(frozen=True)
class Scenario:
    run: Callable[[Installation, argparse.Namespace, Outcome], Coroutine[Any, Any, None]]
    limit: int = 0  # of streams at once; 0: the option --viewers
    is_proxied: bool = False  # viewers come through nginx


SCENARIOS = {
    "many": Scenario(many, is_proxied=True),
    "handshakes": Scenario(handshakes, limit=10),
    "refused": Scenario(refused, limit=10),
}
