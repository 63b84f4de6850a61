"""A field type that several schemas share."""

from pydantic import BeforeValidator


def _number(value: object) -> object:
    """Accept JSON numbers only: pydantic would convert "5" and true."""
    if isinstance(value, str | bool):
        raise ValueError("Input should be a number")
    return value


Strictly = BeforeValidator(_number)  # must be the last annotation: otherwise OpenAPI leaves out the bounds before it
