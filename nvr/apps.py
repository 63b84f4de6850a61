"""The packages that appear in the administration in another way than their authors chose."""

from axes.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdministrationConfig(AdminConfig):
    default_site = "nvr.admin_site.Site"


class LogInsConfig(AppConfig):  # type: ignore[misc]
    verbose_name = "Log-ins"

    def ready(self) -> None:
        super().ready()
        from nvr import logins_admin  # noqa: F401 - importing it registers its page
