"""Health checks for load balancers and containers: is this process alive, and is it ready for viewers?

They need no log-in.
"""

import asyncio
from collections.abc import Awaitable

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from streaming import runtime
from streaming.complaints import SILENCE, Complaint
from streaming.errors import GateUnavailableError


@require_GET
@never_cache
async def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness: this process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
@never_cache
async def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness: 200 if Redis takes writes, the database answers and the worker is not shutting down, else 503.

    The JSON body tells which of these fails. Redis and the database are asked at the same time, so that their
    timeouts do not add up.
    """
    worker = runtime.current()
    complaint, database = await asyncio.gather(_complaint(worker.check_gate()), _succeeds(_check_database()))
    checks = {"redis": complaint is None, "database": database}
    ready = all(checks.values()) and not worker.draining
    details = {} if complaint is None else {"redis_says": str(complaint)}
    warnings = {"redis_evicts": worker.eviction.name} if worker.eviction.name else {}
    answer = {"ready": ready, **checks, **details, **warnings, "draining": worker.draining}
    return JsonResponse(answer, status=200 if ready else 503)


async def _complaint(check: Awaitable[None]) -> Complaint | None:
    """Await `check` of Redis. Returns why Redis does not answer or accepts no writes, None if all is well."""
    try:
        await check
    except GateUnavailableError as error:
        return error.complaint
    except TimeoutError:
        return SILENCE
    return None


async def _succeeds(check: Awaitable[None]) -> bool:
    try:
        await check
    except Exception:  # noqa: BLE001 - any failure means: not ready
        return False
    return True


async def _check_database() -> None:
    async with asyncio.timeout(runtime.CHECK):
        await sync_to_async(_ask_database)()


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
