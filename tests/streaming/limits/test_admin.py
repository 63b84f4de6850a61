"""The limits of users and groups in the administration."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from streaming.models import UserLimit

pytestmark = pytest.mark.django_db


def test_staff_with_the_permission_edit_limits_in_the_administration(admin_client: Client, ada: User) -> None:
    page = reverse("admin:streaming_userlimit_add")
    assert "greater than or equal to 1" in admin_client.post(page, {"user": ada.pk, "max_streams": 0}).text
    assert not UserLimit.objects.exists()
    assert admin_client.post(page, {"user": ada.pk, "max_streams": 4}).status_code == 302
    assert UserLimit.objects.get().max_streams == 4
    assert "ada" in admin_client.get(reverse("admin:streaming_userlimit_changelist")).text
    assert admin_client.get(reverse("admin:streaming_grouplimit_add")).status_code == 200
