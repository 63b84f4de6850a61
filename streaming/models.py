"""No table: the entry *System* of the administration, which gives it its place and its permission."""

from django.db import models


class System(models.Model):
    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "System"
        verbose_name_plural = "System"

    def __str__(self) -> str:
        return "System"
