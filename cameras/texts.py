"""What people type for others to read: characters that nobody sees could make it look like something else."""

import re

# As a regular expression has them: control characters, and what turns the direction in which is written.
UNSEEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
BREAKS = r"\t\n\r\u2028\u2029"
NOT_A_LINE, NOT_A_TEXT = re.compile(f"[{UNSEEN}{BREAKS}]"), re.compile(f"[{UNSEEN}]")


def check_line(text: str) -> str:
    """Return `text`, or raise ValueError unless it is one line of characters that are seen."""
    if NOT_A_LINE.search(text):
        raise ValueError("Control characters, line breaks and changes of direction are not allowed.")
    return text


def check_text(text: str) -> str:
    """The same of one line or more."""
    if NOT_A_TEXT.search(text):
        raise ValueError("Control characters and changes of direction are not allowed.")
    return text
