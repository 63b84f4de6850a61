"""What Redis says where it does not do what it is asked, in plain English and with its own word. No secret is among it."""

import re
from dataclasses import dataclass

MOST_TEXT = 300  # characters of Redis's own text


@dataclass(frozen=True)
class Complaint:
    """`str()` of it is for pages; `in_full` has Redis's own text and is for the log."""

    code: str  # Redis's own word; "": it says nothing
    meaning: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.meaning} ({self.code})" if self.code else self.meaning

    @property
    def in_full(self) -> str:
        return f"{self}: {self.text[:MOST_TEXT]}" if self.code else self.meaning


SILENCE = Complaint("", "Redis does not answer")
UNKNOWN = Complaint("ERR", "Redis refuses what it is asked")

MEANINGS = {
    "OOM": "Redis is full: its memory has reached maxmemory",
    "MISCONF": "Redis cannot write to its disk, so it takes nothing",
    "READONLY": "This Redis is a replica, which takes nothing",
    "MASTERDOWN": "This Redis is a replica that has lost its master",
    "LOADING": "Redis is still reading its data from the disk",
    "BUSY": "Redis is busy with a script",
    "NOAUTH": "Redis asks for a password, and REDIS_URL has none",
    "WRONGPASS": "Redis refuses the user or password of REDIS_URL",
    "NOPERM": "The user of REDIS_URL lacks a permission in Redis",
    "CERTIFICATE_VERIFY_FAILED": "The certificate of Redis is not trusted here",
    "SSL": "TLS with Redis fails",
    "ERR": UNKNOWN.meaning,
}
# redis-py leaves out the word of what was said while it connected; older servers have another text.
WORDLESS = {
    "invalid username-password pair": "WRONGPASS",
    "invalid password": "WRONGPASS",
    "Authentication required": "NOAUTH",
}


def complaint_of(text: str, otherwise: Complaint = SILENCE) -> Complaint:
    """What a reply of Redis's, or a failed connection to it, means; `otherwise` where its text has no known word."""
    for words, code in WORDLESS.items():
        if words in text:
            return Complaint(code, MEANINGS[code], text)
    for code, meaning in MEANINGS.items():
        # Not only at the beginning: of an error in a script, older servers tell first where it was.
        if code != UNKNOWN.code and (found := re.search(rf"\b{code}\b", text)):
            return Complaint(code, meaning, text[found.start() :])
    return Complaint(otherwise.code, otherwise.meaning, text)
