"""The names of the keys in Redis, and the addresses of its servers. Of the keys of a camera's shared pictures, only
the prefix is here (`name_of`). `ingest/` appends the rest."""

from django.conf import settings
from django.utils.crypto import salted_hmac

from cameras.sources import CameraSource
from streaming.store import embedded

PREFIX = "nvr:{gate}:"  # the hash tag puts all keys into one slot of a Redis Cluster

GENERATION = PREFIX + "generation"  # changes when leases may be lost; fields in gate/lua/generation.lua
SERVER_SET, ORDINARY_SET = PREFIX + "set:server", PREFIX + "set:ordinary"
USER_SET, ADDRESS_SET, CAMERA_SET = (PREFIX + f"set:{kind}:" for kind in ("user", "address", "camera"))  # + its id
DETAILS = PREFIX + "details"  # lease -> Holder as JSON
RATES = PREFIX + "rates"  # lease -> kbit/s that it is counted with; more fields in gate/lua/rates.lua
RATE_CHANGES = PREFIX + "rate_change:"  # + lease -> number of the last change of its rate
EXPECTED = (
    PREFIX + "expected"
)  # camera and quality -> kbit/s measured last; "faded:" + both -> Unix ms of the last fade
YIELDED = PREFIX + "yielded"  # a worker has just ended a background stream for somebody who waits
LINE = PREFIX + "line"  # who waits for a slot; more keys in gate/lua/line.lua
WORKERS, REPORTS = PREFIX + "workers", PREFIX + "reports"  # workers, scored by expiry; worker -> report as JSON
SENT = PREFIX + "sent"  # worker -> kbit/s that it sends, stills included
STILLS = PREFIX + "stills"  # worker -> kbit/s of its stills
BLOCKED = PREFIX + "blocks"  # user id -> user's name and who set the block, as JSON; the message is in BLOCKS
ORDERS, BLOCKS, SEQUENCES = PREFIX + "orders:", PREFIX + "blocked:", PREFIX + "sequence:"  # + worker, user, worker

TOTALS = PREFIX + "totals"  # counter -> number, of all workers ever
MINUTE = PREFIX + "minute:"  # + Unix minute -> the figures of it
MINUTES = PREFIX + "minutes"  # minutes that are not in the database yet
REFUSAL_LIST = PREFIX + "refusals"  # JSON each, for the database
POLICY = PREFIX + "policy"  # version of the limits in force
LOOKED = PREFIX + "looked"  # Unix ms of the last sample for the minute's figures
CHECKED = PREFIX + "checked"  # written to see whether Redis accepts writes
CHECKS = PREFIX + "checks"  # a worker checks cameras now
CAMERAS = PREFIX + "cameras"  # the state of all cameras, as one worker has read it for all
FOLLOWER = PREFIX + "follower:"  # + worker; a stream, whose entry tells that it follows another camera
HELD = PREFIX + "held"  # cameras with pictures in the pictures' Redis, scored by expiry
WRITER, BATCH, PURGED = (PREFIX + "history:" + name for name in ("writer", "batch", "purged"))


def store_url() -> str:
    """Returns the URL of the Redis that has the slots of the streams: the configured one or else the embedded one."""
    return settings.REDIS_URL or f"unix://{embedded.socket_path(settings.EMBEDDED_REDIS_DIR)}"


def name_of(camera: str, source: CameraSource) -> str:
    """Returns the prefix of the Redis keys of a camera's shared pictures. `camera`: its id, plus "/sub" for its
    substream. The prefix depends on the camera's address and login, too: a worker that knows the new address of a
    camera must not get pictures of the old one."""
    secret = "\n".join((source.url, source.username, source.password))
    return f"{PREFIX}camera:{camera}:{salted_hmac('streaming.sharing', secret).hexdigest()[:16]}"


def pictures_url() -> str:
    """Returns the URL of the Redis through which workers share pictures. It may be a second server: if that is full or
    gone, streams are still admitted."""
    return settings.PICTURES_REDIS_URL or store_url()
