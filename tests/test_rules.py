"""Two rules for the product's code: only the settings read the environment, and no error disappears without a reason."""

import ast
from collections.abc import Iterator

import pytest

from tests.sources import FILES, functions

# Files that may write to the environment: OpenCV reads its options only there, and Django the name of its settings.
WRITERS = ("streaming/ingest/opencv.py", "nvr/asgi.py", "manage.py")

# Functions that may catch any exception without a traceback in the log, and the reason.
CATCHES_ALL = {
    "streaming/store/worker_events.py:send": "best effort by contract; the layer logs its own failures",
    "streaming/store/worker_events.py:listen": "the layer logs its own failures",
    "streaming/store/worker_events.py:_stay_in_group": "the receiver meets the same failure and logs it",
    "streaming/viewing/looks.py:tell": "the viewer's connection is ending: nobody is left to be told",
    "streaming/web/health.py:_succeeds": "a health check: any failure means not ready",
    "streaming/ingest/threads.py:_run": "passes it to the future",
    "streaming/web/consumer.py:_stream_and_report": "the failure is logged; only the close after it may fail",
    "streaming/web/consumer.py:_close": "the socket may be gone",
}


def uses_of_environment(tree: ast.AST) -> Iterator[bool]:
    """Yields for each `os.environ`, `os.getenv` and the like whether it is a write."""
    writes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            writes.add(node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func  # the result is not used
            if isinstance(function, ast.Attribute) and function.attr == "setdefault":
                writes.add(function.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"}:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                yield node in writes
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (False for alias in node.names if alias.name in {"environ", "getenv"})


def test_the_environment_is_read_in_the_settings_alone() -> None:
    for file, tree in FILES.items():
        uses = list(uses_of_environment(tree))
        if file != "nvr/environment.py":
            assert all(uses), f"{file} reads the environment"
            assert not uses or file in WRITERS, f"{file} writes to the environment"


@pytest.mark.parametrize(
    ("line", "writes"),
    [
        ("os.environ['A'] = 'b'", [True]),
        ("os.environ.setdefault('A', 'b')", [True]),
        ("a = os.environ.setdefault('A', 'b')", [False]),
        ("a = os.environ['A']", [False]),
        ("os.environ.get('A')", [False]),
        ("os.getenv('A')", [False]),
        ("from os import environ", [False]),
    ],
)
def test_reading_the_environment_is_told_from_writing_to_it(line: str, writes: list[bool]) -> None:
    assert list(uses_of_environment(ast.parse(line))) == writes


def catches_all(node: ast.AST) -> bool:
    """Is true for `except:`, `except Exception` and `suppress(Exception)`, alone or among others."""
    if isinstance(node, ast.ExceptHandler):
        caught = node.type
        if caught is None:
            return True
    elif isinstance(node, ast.Call) and "suppress" in ast.dump(node.func):
        caught = ast.Tuple(node.args)
    else:
        return False
    names = {name.id for name in ast.walk(caught) if isinstance(name, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def logs_traceback(handler: ast.AST) -> bool:
    """Is true if the handler contains `raise`, `logger.exception(...)` or a call with `exc_info`."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise) and node.exc is None:
            return True
        if isinstance(node, ast.Call) and isinstance(handler, ast.ExceptHandler):
            named = isinstance(node.func, ast.Attribute) and node.func.attr == "exception"
            if named or any(keyword.arg == "exc_info" for keyword in node.keywords):
                return True
    return False


def test_a_handler_of_all_exceptions_logs_the_traceback_or_has_a_reason_here() -> None:
    silent = {
        f"{file}:{function.name}"
        for file, tree in FILES.items()
        for function in functions(tree)
        for node in ast.walk(function)
        if catches_all(node) and not logs_traceback(node)
    }
    assert silent == set(CATCHES_ALL)
