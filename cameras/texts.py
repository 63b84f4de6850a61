"""Checks texts that users write for others. Invisible characters could make such a text look like another one."""

import re

# For regular expressions: control characters, and characters that change the writing direction.
INVISIBLE = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
BREAKS = r"\t\n\r\u2028\u2029"
NOT_A_LINE, NOT_A_TEXT = re.compile(f"[{INVISIBLE}{BREAKS}]"), re.compile(f"[{INVISIBLE}]")


def check_line(text: str) -> str:
    """Returns `text`. Raises ValueError unless it is one line without control characters and direction marks."""
    if NOT_A_LINE.search(text):
        raise ValueError("Control characters, line breaks and direction marks are not allowed.")
    return text


def check_text(text: str) -> str:
    """Returns `text`, one line or more. Raises ValueError if it has control characters or direction marks."""
    if NOT_A_TEXT.search(text):
        raise ValueError("Control characters and direction marks are not allowed.")
    return text
