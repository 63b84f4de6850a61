"""The sizes of modules, classes and functions, in the product, bench/, tests/, and the scripts of docs/ and deploy/."""

import ast
import statistics

from tests.sources import FILES, ROOT, functions, trees

ALL = {**FILES, **trees("bench", "deploy", "docs", "tests")}
MODULE, CLASS, FUNCTION, MEDIAN = 300, 180, 40, 10  # lines at most; MEDIAN: of the product's functions


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
    assert not [file for file, size in sizes.items() if size > MODULE]


def test_no_class_is_too_long() -> None:
    sizes = {f"{file}:{node.name}": lines(node) for file, tree in ALL.items() for node in classes(tree)}
    assert not [name for name, size in sizes.items() if size > CLASS]


def test_no_function_is_too_long() -> None:
    sizes = {f"{file}:{node.name}": lines(node) for file, tree in ALL.items() for node in functions(tree)}
    assert not [name for name, size in sizes.items() if size > FUNCTION]


def test_half_of_the_functions_are_short() -> None:
    assert statistics.median(lines(node) for tree in FILES.values() for node in functions(tree)) <= MEDIAN
