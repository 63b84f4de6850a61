"""Checks for `manage.py check`: settings of streaming that depend on each other, such as timeouts."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from streaming import conf
from streaming.limits import policy


@register()
def timings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    timing = conf.timing()
    found: list[CheckMessage] = []
    if not timing.heartbeat * 2 < timing.fence < timing.lease:
        found.append(
            Error(
                "A lease must last longer than two heartbeats, and its holder must give up before its end.",
                id="streaming.E001",
            )
        )
    if conf.READ_TIMEOUT.value > timing.fence:
        found.append(
            Warning(
                f"STREAM_READ_TIMEOUT_SECONDS={conf.READ_TIMEOUT.value} is too long for STREAM_LEASE_SECONDS="
                f"{timing.lease}: a camera may still be read after its slot went to another viewer.",
                hint=f"Use {timing.fence:g} s or less.",
                id="streaming.W001",
            )
        )
    found += [Warning(text, hint="Raise STREAM_MAX_MBPS.", id="streaming.W002") for text in policy.defaults().warnings]
    return found
