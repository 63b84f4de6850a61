"""Lines of Markdown tables, and the text of a cell."""

from collections.abc import Iterator

from bench.rows import Row


def table(*heads: str) -> Iterator[str]:
    yield cells(*heads)
    yield "|" + "---|" * len(heads)


def cells(*values: object) -> str:
    return f"| {' | '.join(map(str, values))} |"


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def ages(found: Row) -> tuple[str, str]:
    return number(found["age_ms_p50"], 0), number(found["age_ms_p95"], 0)


def busy(found: Row) -> str:
    return f"{'**' if found['full'] else ''}{found['busy']:.0f} %{'**' if found['full'] else ''}"
