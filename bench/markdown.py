"""Lines of Markdown tables, and the text of a cell."""

from collections.abc import Iterator

from bench.rows import Row


def table(*heads: str) -> Iterator[str]:
    yield cells(*heads)
    yield "|" + "---|" * len(heads)


def cells(*values: object) -> str:
    return f"| {' | '.join(map(str, values))} |"


def number(value: float | None, digits: int) -> str:
    """Returns the number with so many decimal places; "" for None."""
    return "" if value is None else f"{value:.{digits}f}"


def ages(found: Row) -> tuple[str, str]:
    """Returns the texts of two cells: median and 95th percentile of the pictures' age, ms."""
    return number(found["age_ms_p50"], 0), number(found["age_ms_p95"], 0)


def busy(found: Row) -> str:
    """Returns the load of the machine in percent, bold if the machine was full."""
    return f"{'**' if found['full'] else ''}{found['busy']:.0f} %{'**' if found['full'] else ''}"
