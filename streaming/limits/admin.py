"""The administration of limits for single users and groups. The limits for everybody are at *Settings > System*."""

from django.contrib import admin

from streaming.models import GroupLimit, UserLimit


@admin.register(UserLimit)
class UserLimitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "max_streams")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)


@admin.register(GroupLimit)
class GroupLimitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("group", "max_streams")
    list_select_related = ("group",)
    search_fields = ("group__name",)
