"""The Django admin pages of saved walls (grids of live cameras) and of displays, which are screens that show a wall
without a log-in. Users create walls on the page of walls instead.
"""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import DateTimeField, ForeignKey, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from cameras import displays, tokens, walls
from cameras.forms import LabeledDateTime
from cameras.models import DisplayToken, Wall


@admin.register(Wall)
class WallAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "slug", "owner", "shared", "cameras")
    list_filter = ("shared",)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "owner", "shared", "per_page", "cycle_seconds")
    readonly_fields = ("owner",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="cameras")
    def cameras(self, wall: Wall) -> int:
        return len(wall.tiles)


@admin.register(DisplayToken)
class DisplayAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The admin page of displays, which are screens that show a wall (a grid of cameras) without a log-in. It shows
    the secret link of a new display once, after saving. A display shows only cameras that its issuer, the user who
    made it or took it over last, may watch. Otherwise an issuer could see more by making a display.
    """

    list_display = ("name", "wall", "state", "last_seen", "expires", "issuer")
    list_select_related = ("wall", "issuer")
    search_fields = ("name", "wall__name")
    readonly_fields = ("prefix", "issuer", "created", "last_seen", "revoked")
    actions = ("revoke", "take_over")
    formfield_overrides: ClassVar[Any] = {DateTimeField: {"widget": LabeledDateTime}}

    def get_fields(self, request: HttpRequest, obj: DisplayToken | None = None) -> tuple[str, ...]:
        return ("name", "wall", "expires", "keeps_slots", *(self.readonly_fields if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: DisplayToken | None = None) -> tuple[str, ...]:
        return ("wall", *self.readonly_fields) if obj else self.readonly_fields

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if not request.user.is_superuser:
            kwargs["queryset"] = walls.open_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="state")
    def state(self, token: DisplayToken) -> str:
        if token.revoked:
            return "Revoked"
        if token.issuer is None or not token.issuer.is_active:
            return "Issuer's account is not active"
        return "Expired" if displays.has_ended(token) else "Active"

    def save_model(self, request: HttpRequest, obj: DisplayToken, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.issuer_id = request.user.pk
        link = f"{request.build_absolute_uri(reverse('display'))}#{tokens.fill(obj)}"
        super().save_model(request, obj, form, change)
        self.message_user(
            request, f"Open this link on the screen. Copy it now, it is not shown again: {link}", messages.WARNING
        )

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[DisplayToken]) -> None:
        for token in chosen.filter(revoked=None):
            token.revoked = timezone.now()
            token.save()  # one by one: running streams are told
        self.message_user(request, "Revoked. The screens say so.")

    @admin.action(description="Take over: show what you may watch", permissions=["change"])
    def take_over(self, request: HttpRequest, chosen: QuerySet[DisplayToken]) -> None:
        for token in chosen:
            token.issuer_id = request.user.pk
            token.save()
        self.message_user(request, "You are the issuer now.")
