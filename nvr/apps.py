"""Django's app configurations of the administration and of django-axes: the administration gets the product's own order
of entries, django-axes the name *Log-ins*.
"""

from axes.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    default_site = "nvr.admin_site.Site"


class LogInsConfig(AppConfig):  # type: ignore[misc]
    verbose_name = "Log-ins"

    def ready(self) -> None:
        super().ready()
        from nvr import logins_admin  # noqa: F401 - importing it registers its page
