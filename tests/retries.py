"""Runs a failed test once more if it has the mark `timing`; no other test is run again.

The mark is for tests that measure time by the clock of the machine, and its argument is the reason:
`@pytest.mark.timing("measures how old pictures are")`. A mark without a reason fails the test. The summary shows the first
failure of each test that was run again, and the last line counts them.
"""

import pytest
from _pytest.runner import runtestprotocol

RETRIED = "retried"  # the outcome in the report of a first run that failed
IS_RETRY = pytest.StashKey[bool]()


def reason_of(item: pytest.Item) -> str | None:
    """The reason of the test's `timing` mark; "" if the mark has none, None if the test has no mark."""
    mark = item.get_closest_marker("timing")
    if mark is None:
        return None
    return mark.args[0].strip() if len(mark.args) == 1 and isinstance(mark.args[0], str) else ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if reason_of(item) == "":
        pytest.fail("the mark `timing` needs one argument, the reason", pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not reason_of(item) or IS_RETRY in item.stash:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failed = any(report.failed for report in reports)
    for report in [merged(reports)] if failed else reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if failed:
        item.stash[IS_RETRY] = True
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)  # the whole hook: the time limit starts again
    return True


def merged(reports: list[pytest.TestReport]) -> pytest.TestReport:
    """One report of a run that failed: its first failure, and all of its output."""
    first, *others = [report for report in reports if report.failed]
    first.outcome = RETRIED  # type: ignore[assignment]
    first.sections = [*reports[-1].sections, *((f"{other.when} failed, too", other.longreprtext) for other in others)]
    return first


def report_retry(item: pytest.Item, failure: str) -> None:
    """Reports a retry in another pytest as one of this test. `failure` is what the other pytest printed of it."""
    report = pytest.TestReport(item.nodeid, item.location, {}, RETRIED, failure, "call")  # type: ignore[arg-type]
    item.ihook.pytest_runtest_logreport(report=report)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    return (RETRIED, "R", "RETRIED") if report.outcome == RETRIED else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports(RETRIED):
        terminalreporter.write_sep("=", f"RETRIED: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
        for title, text in report.sections:
            terminalreporter.write_sep("-", title)
            terminalreporter.write_line(text)
