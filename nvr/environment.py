"""Reads the environment and `.env` for `nvr/settings.py`. The environment wins, even if its variable is empty.
An empty variable counts as not set. The functions raise ImproperlyConfigured for a wrong value.
"""

import io
import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from cameras.networks import Network, parse_networks
from nvr.dotenv import read_dotenv
from nvr.secret_files import stored_key
from streaming.store.addresses import SCHEMES, service_of

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(io.StringIO(read_dotenv(BASE_DIR / ".env")))


def read_flag(name: str, *, default: bool) -> bool:
    text = env.str(name, default="").strip().lower() or str(default).lower()
    if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name}={text} is not valid: it must be true or false.")
    return text in {"true", "1", "yes", "on"}


def read_address(name: str, schemes: tuple[str, ...]) -> str:
    """Returns the URL in the environment variable `name`; "" if it is not set. Raises ImproperlyConfigured if it does
    not begin with one of `schemes` and "://". The caller checks the rest.
    """
    text: str = env.str(name, default="").strip()
    scheme, separator, _ = text.partition("://")  # not by urlsplit: see streaming/store/addresses.py
    if text and not (separator and scheme.lower() in schemes):
        raise _wrong_address(name, text, f"it must begin with {', '.join(s + '://' for s in schemes)}")
    return text


def _wrong_address(name: str, text: str, why: str) -> ImproperlyConfigured:
    """Returns the error that `text` is no valid value of the setting `name`. `why`: the reason. Shows `text` only
    up to its first colon, after which there may be a password."""
    return ImproperlyConfigured(f"{name}={text.split(':', 1)[0]}:... is not valid: {why}.")


def read_database(name: str, default: str) -> dict[str, Any]:
    """Returns Django's settings of the database at the URL in the environment variable `name`, or at `default`. Raises
    ImproperlyConfigured if the URL, or its `conn_max_age`, is wrong.
    """
    text = read_address(name, ("sqlite", "postgres", "postgresql"))
    try:
        database: dict[str, Any] = env.db_url_config(text or default)
    except ValueError:  # its message may contain a part of the password
        right = (
            "postgres://user:password@host:5432/database, with / ? # % and @ of the password as %2F %3F %23 %25 and %40"
        )
        raise _wrong_address(name, text, f"it must be like {right}") from None
    age = database.get("CONN_MAX_AGE")
    if not isinstance(age, int | None):
        raise ImproperlyConfigured(f"{name}: conn_max_age={age} is not valid: it must be a whole number of seconds.")
    return database


def read_redis(name: str) -> str:
    text = read_address(name, SCHEMES)
    try:
        service_of(text)
    except ValueError as error:
        raise _wrong_address(name, text, str(error)) from None
    return text


def _secret_text(name: str) -> str:
    # Not `env.str`: it treats a value that begins with $ as the name of another variable.
    text = str(env.ENVIRON.get(name, "")).strip()
    if text and len(text) < 16:
        raise ImproperlyConfigured(f"{name} is not valid: it has {len(text)} characters, and needs at least 16.")
    return text


def read_list(name: str) -> list[str]:
    return [entry for part in env.list(name, default=[]) if (entry := part.strip())]


def read_networks(name: str) -> tuple[Network, ...]:
    text: str = env.str(name, default="").strip()
    try:
        return parse_networks(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}={text} is not valid: {error}. It must be networks, separated by commas, "
            "for example 192.168.10.0/24,fd12:3456:789a::/48."
        ) from error


def read_origins(name: str) -> list[str]:
    origins = read_list(name)
    for origin in origins:
        if not re.fullmatch(
            r"https?://[\w.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?", origin, re.IGNORECASE | re.ASCII
        ):
            raise ImproperlyConfigured(
                f"{name}={origin} is not valid: it must be origins, separated by commas, for example https://home.example.com."
            )
    return origins


def read_secret(name: str, file: Path) -> str:
    """Returns the environment variable `name`. If it is not set, returns the key in `file`, which is created with a
    random key if it does not exist. Raises ImproperlyConfigured if the variable has less than 16 characters, and
    OSError if the file cannot be read or created.
    """
    return _secret_text(name) or stored_key(file)


def read_secrets(name: str) -> list[str]:
    """Returns the keys in the environment variable `name`, which has commas between them; [] if it is not set. Raises
    ImproperlyConfigured for a key of less than 16 characters.
    """
    keys = [key for part in str(env.ENVIRON.get(name, "")).split(",") if (key := part.strip())]
    if any(len(key) < 16 for key in keys):
        raise ImproperlyConfigured(
            f"{name} is not valid: each key needs at least 16 characters, with commas between them."
        )
    return keys


def read_token(name: str) -> str:
    """Returns the environment variable `name`; "" if it is not set. Raises ImproperlyConfigured if it has less than 16
    characters, or one that is a space or not printable ASCII.
    """
    text = _secret_text(name)
    if not re.fullmatch("[!-~]*", text):
        raise ImproperlyConfigured(
            f"{name} is not valid: it may have letters, digits and punctuation of ASCII only, and no spaces."
        )
    return text
