"""Keys that the environment does not set: created once, in a file that only this user may read."""

import os
import secrets
import tempfile
from pathlib import Path


def stored_key(path: Path) -> str:
    """Returns the key in `path`. The first process that asks creates it; the others read the same key. Raises
    OSError if that fails."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # atomic: a process that lost the race keeps the winner's key
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    return path.read_text().strip()
