"""The Django admin forms of camera grants: the cameras that one user or group may see, and the users and groups who may
see one camera.
"""

from typing import Any

from django import forms
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth.models import AbstractBaseUser, Group, User
from django.db.models import Model, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from cameras import grants
from cameras.forms import PastedCameraForm
from cameras.models import Camera


class TwoLists(FilteredSelectMultiple):
    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        """Returns the HTML of the two lists in an element of its own. Otherwise the script of the widget would move the
        field's label as well.
        """
        return format_html('<div class="related-widget-wrapper">{}</div>', super().render(*args, **kwargs))


class Choice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """A field to choose any number of rows of `queryset`, or none. It shows two lists with filters, of available
    and of chosen rows, and people move rows between them.
    """

    def __init__(self, label: str, queryset: "QuerySet[Any]", help_text: str = "") -> None:
        widget = TwoLists(label.lower(), is_stacked=False)
        super().__init__(queryset, required=False, label=label, widget=widget, help_text=help_text)


class HolderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form to choose the cameras that are granted to one user, or to the members of one group (the instance): they
    may see these. The admin page saves the choice.
    """

    cameras = Choice("Cameras", Camera.objects.only("name"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["cameras"] = _keys(grants.cameras_of(self.instance))


class CameraAccessForm(PastedCameraForm):
    """The camera's form, with two more fields: the users and the groups that are granted the camera, so that they may
    see it. The admin page saves these two.
    """

    users = Choice("Users", User.objects.order_by("username"))
    groups = Choice("Groups", Group.objects.order_by("name"), "All their members see the camera.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["users"] = _keys(User.objects.filter(camera_grants__camera=self.instance.pk))
        self.initial["groups"] = _keys(Group.objects.filter(camera_grants__camera=self.instance.pk))

    def holders(self) -> list[AbstractBaseUser | Group]:
        return [*self.cleaned_data["users"], *self.cleaned_data["groups"]]


def _keys(rows: "QuerySet[Any]") -> list[Model]:
    return list(rows.values_list("pk", flat=True))
