"""Explains in plain English why a call to Redis failed. The explanations contain no secrets."""

import re
from dataclasses import dataclass

MAX_TEXT = 300  # characters of Redis's own text


@dataclass(frozen=True)
class Complaint:
    """Why a call to Redis failed: `meaning` in plain English, and `text`, Redis's own words. `str()` is for pages;
    `in_full` is for the log, and adds the text if there is a `code`.
    """

    code: str  # Redis's error code, or another key of MEANINGS; "" if there was no answer
    meaning: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.meaning} ({self.code})" if self.code else self.meaning

    @property
    def in_full(self) -> str:
        return f"{self}: {self.text[:MAX_TEXT]}" if self.code else self.meaning


SILENCE = Complaint("", "Redis does not answer")
UNKNOWN = Complaint("ERR", "Redis refuses the command")

CLUSTER = (
    "REDIS_URL names a Redis Cluster, which the gate cannot use: all its keys must be on one server. Use one Redis, or a "
    "master with replicas and Sentinels (redis+sentinel://host:port,host:port/service)"
)
MEANINGS = {
    "OOM": "Redis is full: its memory has reached maxmemory",
    "MISCONF": "Redis cannot write to its disk, and accepts no writes",
    "READONLY": "This Redis is a read-only replica",
    "MASTERDOWN": "This Redis is a replica that has lost its master",
    "NOREPLICAS": "This Redis has fewer replicas than min-replicas-to-write asks for, and accepts no writes",
    "MOVED": CLUSTER,
    "CROSSSLOT": CLUSTER,
    "CLUSTERDOWN": CLUSTER,
    "NOMASTER": "No Sentinel answers, or none knows a master of this name that is up",
    "LOADING": "Redis is still reading its data from the disk",
    "BUSY": "Redis is busy with a script",
    "NOAUTH": "Redis asks for a password, and its address has none",
    "WRONGPASS": "Redis refuses the user or password of its address",
    "NOPERM": "The user of its address lacks a permission in Redis",
    "CERTIFICATE_VERIFY_FAILED": "This host does not trust the certificate of Redis",
    "SSL": "TLS with Redis fails",
    "ERR": UNKNOWN.meaning,
}
# redis-py drops the error code while it connects, and servers before Redis 7 in a script. Older servers have another text.
WORDLESS = {
    "invalid username-password pair": "WRONGPASS",
    "invalid password": "WRONGPASS",
    "Authentication required": "NOAUTH",
    "No master found for": "NOMASTER",
    "can't run this command": "NOPERM",
}


def complaint_of(text: str, otherwise: Complaint = SILENCE) -> Complaint:
    """Returns the explanation of `text`, the text of an error reply of Redis or of a failed connection. If it has
    no known error, the explanation has the code and meaning of `otherwise`. Redis's general code ERR does not count
    as known.
    """
    for words, code in WORDLESS.items():
        if words in text:
            return Complaint(code, MEANINGS[code], text)
    for code, meaning in MEANINGS.items():
        # Search the whole text: older servers put the position in the script first.
        if code != UNKNOWN.code and (found := re.search(rf"\b{code}\b", text)):
            return Complaint(code, meaning, text[found.start() :])
    return Complaint(otherwise.code, otherwise.meaning, text)
