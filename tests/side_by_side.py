"""Spreads the tests over processes, file by file: the first process runs the browser's tests, the last one those that
start no worker, the others run the rest, and then each helps the others.

After Playwright's synchronous interface has run, no other event loop starts in a process. So the browser's tests come last
in a process that runs others, too. Those of the first process start at once, so that few browsers run at a time. Tests with
workers keep a core busy, and those without wait most of their time: so both run all the time, with more processes than
cores.
"""

import os
from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

BROWSER = "tests/browser/"
WITH_WORKERS = (BROWSER, "tests/acceptance/", "tests/bench/", "tests/deploy/")


def of_browser(files: Iterable[str]) -> list[str]:
    return [file for file in files if file.startswith(BROWSER)]


def without_workers(files: Iterable[str]) -> list[str]:
    return [file for file in files if not file.startswith(WITH_WORKERS)]


class ByKind(LoadFileScheduling):  # type: ignore[misc]
    def _assign_work_unit(self, node: WorkerController) -> None:
        # `nodes` has the order in which the processes were ready.
        first, *others = sorted(self.nodes, key=lambda each: each.gateway.id)
        files: list[str] = []
        if others and node is first:
            files = of_browser(self.workqueue)
        elif len(others) > 1 and node is others[-1]:
            files = without_workers(self.workqueue)
        if files:
            self.workqueue.move_to_end(files[0], last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        if of_browser(self.assigned_work[node]) and not of_browser(self.workqueue) and not node.shutting_down:
            node.shutdown()  # after the tests that it has
        super()._reschedule(node)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the browser's tests to the end, and the longest others to the beginning: so all processes end together."""
    items.sort(key=lambda item: (item.nodeid.startswith(BROWSER), not _takes_minutes(item)))


def _takes_minutes(item: pytest.Item) -> bool:
    limit = item.get_closest_marker("timeout")
    return limit is not None and limit.args[0] >= 300


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByKind:
    return ByKind(config, log)
