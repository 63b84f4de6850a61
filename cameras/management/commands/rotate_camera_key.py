"""manage.py rotate_camera_key: encrypt all stored camera passwords and secrets of second factors again, with the
newest key.

The newest key is the first in the setting `CAMERA_KEY`. The other keys can be removed afterwards. If no key
decrypts one of the secrets, the command fails and changes nothing. While SECOND_FACTOR is false, second factors are
left out: stored ones still need their old key.
"""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cameras.encryption import Undecryptable, decrypt, encrypt
from cameras.models import Camera

SECRETS = ("secret", "seed")  # fields of Authenticator.data: of an authenticator app, of recovery codes


class Command(BaseCommand):
    help = (
        "Encrypt all stored camera passwords and secrets of second factors with the first key of CAMERA_KEY. "
        "Then the other keys can be removed."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        cameras = list(Camera.objects.select_for_update().exclude(password=""))
        unreadable = [camera for camera in cameras if isinstance(camera.password, Undecryptable)]
        lost = [f"the password of {camera.name} ({camera.pk})" for camera in unreadable]
        authenticators = _authenticators()
        for authenticator in authenticators:
            stored = {name: decrypt(authenticator.data[name]) for name in SECRETS if name in authenticator.data}
            if any(isinstance(text, Undecryptable) for text in stored.values()):
                lost.append(f"the second factor of {authenticator.user}")
            authenticator.data |= {name: encrypt(text) for name, text in stored.items()}
        if lost:
            raise CommandError(
                f"Nothing was changed: no key of CAMERA_KEY decrypts {', '.join(lost)}. "
                "Add the key that decrypts it, enter these passwords again, or delete these second factors."
            )
        Camera.objects.bulk_update(cameras, ["password"], batch_size=500)
        for authenticator in authenticators:
            authenticator.save(update_fields=["data"])
        changed = f"{len(cameras)} camera passwords and {len(authenticators)} secrets of second factors"
        self.stdout.write(f"{changed} are encrypted with the newest key of CAMERA_KEY.")


def _authenticators() -> list[Any]:
    """Returns all second factors, their rows locked until the transaction ends. Empty if SECOND_FACTOR is false."""
    if not apps.is_installed("allauth.mfa"):
        return []
    authenticator: Any = apps.get_app_config("mfa").get_model("Authenticator")
    return list(authenticator.objects.select_for_update().select_related("user"))
