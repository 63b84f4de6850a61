"""Reads the file `.env` for `nvr/settings.py`. The file may be absent; any error in it stops the start."""

import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# The assignments that django-environ accepts. It skips any other line with a warning that repeats the line, which may hold
# a secret.
_ASSIGNMENT = re.compile(r"(export )?[A-Za-z_0-9]+=")


def read_dotenv(path: Path) -> str:
    """Returns the assignments (`NAME=value`) of the file, one per line; an empty text if there is no file. Leaves out
    empty lines and comments. Raises ImproperlyConfigured for any other line, and if the file cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise ImproperlyConfigured(
                f"{path} is a link to a file that does not exist. Repair or remove it."
            ) from None
        return ""
    except IsADirectoryError:
        raise ImproperlyConfigured(f"{path} is a directory. It must be a file with settings, or not exist.") from None
    except PermissionError:
        raise ImproperlyConfigured(
            f"{path} is not readable for this user. Make the user of the workers its owner: "
            f"chown nvr {path} && chmod 400 {path}"
        ) from None
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    return "\n".join(_assignments(path, text))


def _assignments(path: Path, text: str) -> list[str]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for number, line in lines:
        if not _ASSIGNMENT.match(line):
            raise ImproperlyConfigured(
                f"{path}, line {number} is not a setting: it must be NAME=value, without spaces around the =, "
                "or a comment that begins with #."
            )
    return [line for _, line in lines]
