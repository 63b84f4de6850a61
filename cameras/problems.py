"""How the JSON API says no: `{"error": {"reason", "message"}}`, the shape that the paths of a stream have as well.

`reason` is for programs and stays, `message` is for people and may change. What is wrong with what was sent says where:
by field, and for a file by row.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import JsonResponse
from ninja import Schema
from pydantic import Field

REASONS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
}


class Problem(Exception):
    """An answer that is not the one asked for. `details` stand in `error` beside reason and message."""

    def __init__(self, status: int, message: str, reason: str = "", **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"reason": reason or REASONS[status], "message": message, **details}

    def response(self) -> JsonResponse:
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return JsonResponse({"error": self.error}, status=self.status, headers=headers)


def invalid(fields: dict[str, list[str]]) -> Problem:
    """What was sent breaks a rule: 422, with what is wrong in which field."""
    message = " ".join(f"{name}: {text}" for name, texts in fields.items() for text in texts)
    return Problem(422, message, fields=fields)


def invalid_form(form: BaseForm) -> Problem:
    return invalid({name: [str(text) for text in texts] for name, texts in form.errors.items()})


def invalid_values(error: ValidationError) -> Problem:
    """The same for a rule that Django's models and validators hold."""
    return invalid(error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages})


# What the schema says of all that.


class ErrorOut(Schema):
    reason: str = Field(description="For programs: one word that stays.", examples=["permission_denied"])
    message: str = Field(description="For people.")


class ProblemOut(Schema):
    error: ErrorOut


class FieldErrorsOut(ErrorOut):
    fields: dict[str, list[str]] = Field(default={}, description="What is wrong, by the name of the field.")


class InvalidOut(Schema):
    error: FieldErrorsOut


class RowErrorOut(Schema):
    row: int = Field(description="As a spreadsheet counts: the header is row 1.")
    field: str = Field(description="The column, or empty for the whole row.")
    message: str


class RowErrorsOut(FieldErrorsOut):
    rows: list[RowErrorOut] = Field(default=[], description="What is wrong with the file.")


class InvalidFileOut(Schema):
    error: RowErrorsOut


def answers(good: dict[int, Any], *others: int) -> dict[int, Any]:
    """The answers of an operation, for the schema: the good ones, what everybody may get, and the `others`."""
    bad = {status: InvalidOut if status == 422 else ProblemOut for status in sorted({401, 403, *others})}
    return {**good, **bad}
