"""The sizes of modules, classes and functions, in the product, the benchmarks and the tests."""

import ast
import statistics

from tests.sources import FILES, ROOT, functions, trees

ALL = {**FILES, **trees("bench", "tests")}
MODULE, CLASS, FUNCTION, MEDIAN = 300, 180, 40, 10  # lines at most; MEDIAN: of the product's functions

# What is still too long. Nothing may be added; what has become short enough has to be removed.
LONG_MODULES: tuple[str, ...] = (
    "bench/load.py",
    "bench/soak.py",
    "bench/tables.py",
    "streaming/gate/slots.py",
    "streaming/ingest/hub.py",
    "streaming/ingest/sharing.py",
    "streaming/static/streaming/engine/viewer.js",
    "streaming/viewing/viewing.py",
    "streaming/web/consumer.py",
    "streaming/web/schemas.py",
    "tests/cameras/test_api.py",
    "tests/js/viewer.test.mjs",
    "tests/nvr/test_websocket.py",
    "tests/streaming/gate/test_slots.py",
    "tests/streaming/gate/test_slots_properties.py",
    "tests/streaming/ingest/test_access_units.py",
    "tests/streaming/ingest/test_camera_proxy.py",
    "tests/streaming/ingest/test_hub.py",
    "tests/streaming/ingest/test_sharing.py",
    "tests/streaming/ingest/test_video.py",
    "tests/streaming/limits/test_policy.py",
    "tests/streaming/reports/test_recorder.py",
    "tests/streaming/store/test_connection.py",
    "tests/streaming/viewing/test_viewing.py",
)
LONG_CLASSES: tuple[str, ...] = (
    "streaming/gate/slots.py:Gate",
    "streaming/viewing/viewing.py:Viewing",
    "streaming/web/consumer.py:StreamConsumer",
    "tests/streaming/gate/test_slots_properties.py:Scripts",
    "tests/streaming/gate/test_slots_properties.py:Workers",
)
LONG_FUNCTIONS: tuple[str, ...] = (
    "bench/budget.py:watch",
    "bench/load.py:refused",
)


def lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def classes(tree: ast.AST) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def scripts() -> list[str]:
    """The JavaScript of the project, without libraries."""
    paths = [*(ROOT / "streaming/static").rglob("*.js"), *(ROOT / "tests/js").glob("*.mjs")]
    return [path.relative_to(ROOT).as_posix() for path in paths if "vendor" not in path.parts]


def test_no_module_is_too_long() -> None:
    sizes = {file: len((ROOT / file).read_text().splitlines()) for file in [*ALL, *scripts()]}
    assert {file for file, size in sizes.items() if size > MODULE} == set(LONG_MODULES)


def test_no_class_is_too_long() -> None:
    sizes = {f"{file}:{node.name}": lines(node) for file, tree in ALL.items() for node in classes(tree)}
    assert {name for name, size in sizes.items() if size > CLASS} == set(LONG_CLASSES)


def test_no_function_is_too_long() -> None:
    sizes = {f"{file}:{node.name}": lines(node) for file, tree in ALL.items() for node in functions(tree)}
    assert {name for name, size in sizes.items() if size > FUNCTION} == set(LONG_FUNCTIONS)


def test_half_of_the_functions_are_short() -> None:
    assert statistics.median(lines(node) for tree in FILES.values() for node in functions(tree)) <= MEDIAN
