from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CamerasConfig(AppConfig):
    name = "cameras"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from cameras.permissions import ensure_viewers_group

        # Not in a migration: Django creates permissions after the last one. The receiver of auth runs before this one.
        post_migrate.connect(ensure_viewers_group, sender=self)
