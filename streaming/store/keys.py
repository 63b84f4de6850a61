"""The names of all keys in Redis, and its address."""

from django.conf import settings
from django.utils.crypto import salted_hmac

from cameras.sources import CameraSource
from streaming.store import embedded

PREFIX = "nvr:{gate}:"  # one hash tag: in a Redis Cluster all keys are in one place

GENERATION = PREFIX + "generation"
SERVER_SET, ORDINARY_SET = PREFIX + "set:server", PREFIX + "set:ordinary"
USER_SET, ADDRESS_SET, CAMERA_SET = (PREFIX + f"set:{kind}:" for kind in ("user", "address", "camera"))  # + its id
DETAILS = PREFIX + "details"  # lease -> Holder as JSON
RATES = PREFIX + "rates"  # lease -> kbit/s that it is counted with; "stills" -> what all workers' stills take
EXPECTED = PREFIX + "expected"  # camera and quality -> kbit/s last measured
WORKERS, REPORTS = PREFIX + "workers", PREFIX + "reports"
SENT = PREFIX + "sent"  # worker -> kbit/s that it sends, stills included
STILLS = PREFIX + "stills"  # worker -> kbit/s of its stills
BLOCKED = PREFIX + "blocks"  # user -> name, message and who set the block, as JSON
ORDERS, BLOCKS, SEQUENCES = PREFIX + "orders:", PREFIX + "blocked:", PREFIX + "sequence:"  # + worker, user, worker

TOTALS = PREFIX + "totals"  # counter -> number, of all workers that ever were
MINUTE = PREFIX + "minute:"  # + Unix minute -> what was seen in it
MINUTES = PREFIX + "minutes"  # those that the database has not got
REFUSAL_LIST = PREFIX + "refusals"  # JSON each, for the database
POLICY = PREFIX + "policy"  # version of the limits in force
LOOKED = PREFIX + "looked"  # when the gate was last looked at for the minute's record, Unix ms
HELD = PREFIX + "held"  # cameras with pictures in the pictures' Redis, scored by expiry
WRITER, BATCH, PURGED = (PREFIX + "history:" + name for name in ("writer", "batch", "purged"))


def store_url() -> str:
    """Where Redis is."""
    return settings.REDIS_URL or f"unix://{embedded.socket_path(settings.EMBEDDED_REDIS_DIR)}"


def name_of(camera: str, source: CameraSource) -> str:
    """What the names of a camera's keys in Redis begin with. By address and not by camera alone: who has heard of a new
    address must not get pictures of the old one."""
    secret = "\n".join((source.url, source.username, source.password))
    return f"{PREFIX}camera:{camera}:{salted_hmac('streaming.sharing', secret).hexdigest()[:16]}"


def pictures_url() -> str:
    """Where the Redis for shared pictures is. If it is another one, it may be full or gone without harm to the gate."""
    return settings.PICTURES_REDIS_URL or store_url()
