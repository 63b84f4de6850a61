"""Checks texts that users write for others. Invisible characters could make such a text look like another one."""

import re

# For regular expressions: control characters except tab and line breaks, and the embeddings, overrides and isolates
# that change the writing direction. The marks U+200E and U+200F are allowed.
INVISIBLE = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
BREAKS = r"\t\n\r\u2028\u2029"
NOT_A_LINE, NOT_A_TEXT = re.compile(f"[{INVISIBLE}{BREAKS}]"), re.compile(f"[{INVISIBLE}]")


def check_line(text: str) -> str:
    """Returns `text`, which may be empty. Raises ValueError if it has a line break, a tab or another control character,
    or an embedding, override or isolate: a Unicode character that changes the writing direction.
    """
    if NOT_A_LINE.search(text):
        raise ValueError("Control characters, line breaks and direction marks are not allowed.")
    return text


def check_text(text: str) -> str:
    """Returns `text`, which may be empty or have several lines. Raises ValueError if it has a control character except
    tabs and line breaks, or an embedding, override or isolate: a character that changes the writing direction.
    """
    if NOT_A_TEXT.search(text):
        raise ValueError("Control characters and direction marks are not allowed.")
    return text
