from django.apps import AppConfig


class StreamingConfig(AppConfig):
    name = "streaming"
    verbose_name = "Settings"  # the section of the administration that contains *System*

    def ready(self) -> None:
        from streaming import checks, signals  # noqa: F401 - importing them registers them
        from streaming.health import admin as health_admin  # noqa: F401
        from streaming.limits import admin  # noqa: F401
