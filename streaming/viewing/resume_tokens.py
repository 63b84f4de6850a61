"""Tokens with which a viewer comes back: to the slot or the place in the line that they had a moment ago.

A token names a viewing and is signed for its user and camera. Whether it still counts, the gate knows.
"""

from django.core import signing

from streaming.gate.leases import Holder

SALT = "streaming.resume"


def token_of(viewing_id: str, holder: Holder) -> str:
    return signing.dumps([viewing_id, holder.user_id, holder.camera_id], salt=SALT)


def viewing_of(token: str, holder: Holder) -> str:
    """Returns the id of the viewing, or "" if the token is not one of this user and camera."""
    try:
        viewing_id, user, camera = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return ""
    return str(viewing_id) if [user, camera] == [holder.user_id, holder.camera_id] else ""
