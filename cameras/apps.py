from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CamerasConfig(AppConfig):
    name = "cameras"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from cameras.permissions import ensure_viewers_group

        # Not in a migration: permissions come into being after the last one. auth's own receiver ran before this.
        post_migrate.connect(ensure_viewers_group, sender=self)
