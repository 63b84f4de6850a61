"""A type annotation that several pydantic schemas of the JSON API share: `Strictly` makes a field accept JSON numbers
only.
"""

from pydantic import BeforeValidator


def _number(value: object) -> object:
    """Returns `value`. Raises ValueError for a text or a boolean: pydantic would convert "5" and true to numbers."""
    if isinstance(value, str | bool):
        raise ValueError("Input should be a number")
    return value


Strictly = BeforeValidator(_number)  # must be the last annotation: otherwise OpenAPI leaves out the bounds before it
