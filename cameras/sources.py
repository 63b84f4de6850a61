"""Handles a camera's stream address and its credentials. The two are stored apart, and joined only here."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

Endpoint = tuple[str, str | None, int | None]  # scheme, host, port

SCHEMES = ("rtsp", "rtsps", "http", "https")

# For clients that check an address before they send it: a regular expression of JSON Schema for the addresses that
# `check_address` accepts. It does not cover hosts with other characters than ASCII.
_GROUP = "[0-9A-Fa-f]{1,4}"
_SHORTENED = "|".join(f"(?:{_GROUP}:){{1,{left}}}(?::{_GROUP}){{1,{7 - left}}}" for left in range(1, 7))
_IPV6 = f"(?:{_GROUP}:){{7}}{_GROUP}|{_SHORTENED}|(?:{_GROUP}:){{1,7}}:|:(?::{_GROUP}){{1,7}}|::"
_NAME = r'[!"$-.0-9;->A-Z\\^-~]+'
_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_SCHEME = "[rR][tT][sS][pP][sS]?|[hH][tT][tT][pP][sS]?"
PATTERN = rf"^(?:{_SCHEME})://(?:{_NAME}|\[(?:{_IPV6})\])(?::(?:{_PORT})?)?(?:[/?#][^\s\x00-\x1f\x7f\x85]*)?$"


# An address with credentials. The second form is for passwords that contain / ? # and are not encoded, as people paste
# them: there, the text before the path is no host with a port.
_HOST = r"(?:\[[^\[\]]*\]|[^:/?#@\[\]]+)(?::[0-9]*)?(?:[/?#].*)?"
WITH_CREDENTIALS = re.compile(r"([a-z]+://)([^/?#]*)@([^/?#@]*(?:[/?#].*)?)", re.IGNORECASE)
NOT_ENCODED = re.compile(rf"([a-z]+://)([^:/?#@\[]*:(?![0-9]*(?:[/?#]|$)).*?)@({_HOST})", re.IGNORECASE)


class AddressError(ValueError):
    """A camera's address or stored password cannot be used. The message tells users why."""


def check_address(url: str) -> None:
    """Raises AddressError unless `url` is a valid rtsp, rtsps, http or https address without credentials."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise AddressError("The address must not contain spaces or control characters.")
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        allowed = ", ".join(f"{name}://" for name in SCHEMES)
        raise AddressError(f"The address must begin with one of {allowed}.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise AddressError("The address has an invalid host or port.") from error
    if "@" in parts.netloc:
        raise AddressError("Enter the user name and the password in their own fields, not in the address.")
    if not re.fullmatch(r"[^\[\]]*|\[[^\[\]]*\](:[0-9]*)?", parts.netloc):  # urlsplit ignores text after the bracket
        raise AddressError("The address has an invalid host or port.")
    if not parts.hostname:
        raise AddressError("The address has no host name.")


def split_credentials(url: str) -> tuple[str, str, str]:
    """Returns the address without credentials, the user name and the password, both percent-decoded. The two are empty
    if `url` has none. Does not validate `url`, and never raises.
    """
    found = WITH_CREDENTIALS.fullmatch(url) or NOT_ENCODED.fullmatch(url)
    if found is None:
        return url, "", ""
    username, _, password = found[2].partition(":")
    return found[1] + found[3], unquote(username), unquote(password)


@dataclass(frozen=True)
class CameraSource:
    """Address and credentials of a camera. `str` and `repr` hide the credentials and the query."""

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __repr__(self) -> str:
        return f"<CameraSource {self}>"

    def __str__(self) -> str:
        """The address for logs and lists, without parts that may be secret."""
        address, question, _ = self.url.partition("?")
        return re.sub(r"//[^/]*@", "//...@", address) + question + "..." * bool(question)

    @property
    def endpoint(self) -> Endpoint:
        """Returns where the credentials are sent: scheme and host in lower case, and the port, which is None if
        `url` names none. Raises AddressError if `url` is invalid.
        """
        check_address(self.url)
        parts = urlsplit(self.url)
        return parts.scheme.lower(), parts.hostname, parts.port

    def url_with_credentials(self) -> str:
        """Returns the address with user name and password, only to open the stream: never log or show it. Raises
        AddressError if `url` is invalid.
        """
        check_address(self.url)
        if not self.username and not self.password:
            return self.url
        parts = urlsplit(self.url)
        credentials = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return parts._replace(netloc=f"{credentials}@{parts.netloc}").geturl()
