"""*Failed log-ins* in the administration: who is locked out, and how to let them in again."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest

# The names in the administration. Those of migrations and permissions stay.
AccessAttempt._meta.verbose_name = "failed log-in"
AccessAttempt._meta.verbose_name_plural = "failed log-ins"


@admin.register(AccessAttempt)
class FailedLogInAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the failed log-ins that django-axes counts, an entry for each user name, address and browser. An entry
    cannot be changed. Deleting all entries of a user at an address lets them in again, unless the address itself is
    locked out. Other tables of django-axes are not used, and stay out of the administration (AXES_ENABLE_ADMIN).
    """

    change_list_template = "admin/failed_log_ins.html"
    list_display = ("user", "ip_address", "failures", "attempt_time", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    fields = ("user", "ip_address", "failures", "attempt_time", "user_agent")

    @admin.display(description="user name", ordering="username")
    def user(self, attempt: AccessAttempt) -> str:
        return attempt.username or "\N{EN DASH}"

    @admin.display(description="failures", ordering="failures_since_start")
    def failures(self, attempt: AccessAttempt) -> int:
        return int(attempt.failures_since_start)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
