"""The project's Python files as syntax trees, for the tests of its structure. Nothing is imported from them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("nvr", "streaming", "cameras")  # each imports only those after it
SKIPPED = {"migrations", "node_modules"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def trees(*folders: str) -> dict[str, ast.Module]:
    """File name -> syntax tree, for all files in `folders`."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if SKIPPED.isdisjoint(path.parts)]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in sorted(paths)}


FILES = {**trees(*APPS), "manage.py": ast.parse((ROOT / "manage.py").read_text())}  # the product


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_of(file) for file in FILES}


def imports(file: str) -> Iterator[str]:
    """The full name of each module that a file imports, at its top or in a function."""
    package = module_of(file).split(".")
    if not file.endswith("/__init__.py"):
        package = package[:-1]
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in MODULES else origin  # `from streaming import conf` imports a module, too


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))
