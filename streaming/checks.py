"""`manage.py check`: settings that only make sense together."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from streaming import conf


@register()
def timings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    timing = conf.timing()
    found: list[CheckMessage] = []
    if not timing.heartbeat * 2 < timing.fence < timing.lease:
        found.append(
            Error("A lease must survive a missed heartbeat, and its holder give up first.", id="streaming.E001")
        )
    if conf.READ_TIMEOUT.value > timing.fence:
        found.append(
            Warning(
                f"STREAM_READ_TIMEOUT_SECONDS={conf.READ_TIMEOUT.value} is long beside STREAM_LEASE_SECONDS="
                f"{timing.lease}: a camera may still be read when its slot has been given to another viewer.",
                hint=f"Use {timing.fence:g} s or less.",
                id="streaming.W001",
            )
        )
    return found
