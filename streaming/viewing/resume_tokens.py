"""Tokens with which a viewer comes back after a lost connection: to the slot (the right to stream) or the place in the
waiting line that they had a moment ago.

A token has the id of a viewing (one viewer's stream) and is signed for its user and camera. It does not expire: only
the admission in Redis knows whether the slot or place is still kept.
"""

from django.core import signing

from streaming.gate.leases import Holder

SALT = "streaming.resume"


def token_of(viewing_id: str, holder: Holder) -> str:
    """Returns a signed token for the stream with this id, which only the holder's user can use, for the same camera."""
    return signing.dumps([viewing_id, holder.user_id, holder.camera_id], salt=SALT)


def viewing_of(token: str, holder: Holder) -> str:
    """Returns the id of the stream that the token is for, or "" if it is not a valid token of the holder's user and
    camera.
    """
    try:
        viewing_id, user, camera = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return ""
    return str(viewing_id) if [user, camera] == [holder.user_id, holder.camera_id] else ""
