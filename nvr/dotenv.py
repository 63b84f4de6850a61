"""The file `.env`, for `nvr/settings.py`: absent, or read whole. Whatever is wrong with it stops the start."""

import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

# What django-environ takes for an assignment. It passes over every other line with a warning that repeats the line,
# which may be a secret.
_ASSIGNMENT = re.compile(r"(export )?[A-Za-z_0-9]+=")


def read_dotenv(path: Path) -> str:
    """Return the assignments in `path`, one a line; nothing where there is no such file."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise ImproperlyConfigured(f"{path} is a link to a file that does not exist. Mend or remove it.") from None
        return ""
    except IsADirectoryError:
        raise ImproperlyConfigured(f"{path} is a directory. It must be a file of settings, or not exist.") from None
    except PermissionError:
        raise ImproperlyConfigured(
            f"{path} may not be read by this user. Give it to the user that runs the workers: "
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
