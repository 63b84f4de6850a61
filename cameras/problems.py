"""Errors of the JSON API: `{"error": {"reason", "message"}}`. Errors of a stream's HTTP paths, which are not
part of this API, have the same shape.

`reason` is for programs and does not change. `message` is for people and may change. Each error 422 also has
`fields`, the messages by field name. For an imported file it also has `rows`: each has row, field and message.
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
    """An operation of the JSON API raises this to answer with an error. `status` is the HTTP status. `reason`: for
    programs, by default that of `status` in REASONS. Without one, a `status` outside REASONS raises KeyError.
    `details`: added to `error` in the body, beside reason and message.
    """

    def __init__(self, status: int, message: str, reason: str = "", **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"reason": reason or REASONS[status], "message": message, **details}

    def response(self) -> JsonResponse:
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return JsonResponse({"error": self.error}, status=self.status, headers=headers)


def invalid(fields: dict[str, list[str]]) -> Problem:
    """Returns a 422 Problem to raise. `fields`: the messages about each field, by its name."""
    message = " ".join(f"{name}: {text}" for name, texts in fields.items() for text in texts)
    return Problem(422, message, fields=fields)


def invalid_form(form: BaseForm) -> Problem:
    return invalid({name: [str(text) for text in texts] for name, texts in form.errors.items()})


def invalid_values(error: ValidationError) -> Problem:
    """Returns a 422 Problem to raise, with the messages about each field, for an error of Django's models and
    validators. Messages without a field are under `__all__`.
    """
    return invalid(error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages})


# The schema of these errors.


class ErrorOut(Schema):
    reason: str = Field(description="For programs. It does not change.", examples=["permission_denied"])
    message: str = Field(description="For people.")


class ProblemOut(Schema):
    error: ErrorOut


class FieldErrorsOut(ErrorOut):
    fields: dict[str, list[str]] = Field(default={}, description="Errors by field name.")


class InvalidOut(Schema):
    error: FieldErrorsOut


class RowErrorOut(Schema):
    row: int = Field(description="Row number as in a spreadsheet: the header is row 1.")
    field: str = Field(description="Column name, or empty for the whole row.")
    message: str


class RowErrorsOut(FieldErrorsOut):
    rows: list[RowErrorOut] = Field(default=[], description="Errors in the file.")


class InvalidFileOut(Schema):
    error: RowErrorsOut


def answers(good: dict[int, Any], *others: int) -> dict[int, Any]:
    """Returns the responses of an operation for the API's schema, by HTTP status: the `good` ones, and the errors 401,
    403 (which any request may get) and `others`. `good`: status -> schema of the body, or None if there is no body.
    """
    bad = {status: InvalidOut if status == 422 else ProblemOut for status in sorted({401, 403, *others})}
    return {**good, **bad}
