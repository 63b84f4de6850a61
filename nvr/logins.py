"""Protects log-in: after failures, locks out a user name at an address, or an address for all user names. Answers 429
while too many passwords are being checked.
"""

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from nvr.passwords import TooManyLogIns

ADDRESS_FACTOR = 10  # the limit of an address alone, as a multiple of the limit of a user name at an address
RETRY_AFTER = 5  # seconds


class LogInHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts failed log-ins for django-axes. The limit of a user name at an address is `AXES_FAILURE_LIMIT`; that of an
    address alone is `ADDRESS_FACTOR` (10) times as high. At a limit, django-axes refuses log-ins of the pair or the
    address for `AXES_COOLOFF_TIME`. Blanks the form of each attempt, which django-axes stores.

    So a stranger at another address cannot lock out a user, and many users behind one address can mistype.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        pair: int = super().get_failures(request, credentials)
        return max(pair, _failures_of_address(request) // ADDRESS_FACTOR)

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        super().user_login_failed(sender, credentials, request, **kwargs)
        # axes appends the form of each attempt to the row.
        AccessAttempt.objects.exclude(get_data="", post_data="").update(get_data="", post_data="")


def _failures_of_address(request: Any) -> int:
    if not request.axes_ip_address:
        return 0
    recent = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
    )
    return int(recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0)


class BusyMiddleware(MiddlewareMixin):
    """Answers a log-in or a change of the password with 429 if the password cannot be hashed now, because too many
    others wait for that (`TooManyLogIns`). `Retry-After` is `RETRY_AFTER` seconds.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, TooManyLogIns):
            return None
        response = render(request, "registration/busy.html", status=429)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
