from django.apps import AppConfig


class StreamingConfig(AppConfig):
    name = "streaming"
    verbose_name = "Settings"  # the section of the administration's index that holds *System*

    def ready(self) -> None:
        from streaming import checks, signals  # noqa: F401 - registered by being imported
        from streaming.limits import admin  # noqa: F401
