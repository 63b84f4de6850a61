"""manage.py rotate_camera_key: encrypt all stored camera passwords again, with the newest key.

The newest key is the first in the setting `CAMERA_KEY`. The other keys can be removed afterwards.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cameras.encryption import Undecryptable
from cameras.models import Camera


class Command(BaseCommand):
    help = "Encrypt all stored camera passwords with the first key of CAMERA_KEY. Then the other keys can be removed."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        cameras = list(Camera.objects.select_for_update().exclude(password=""))
        unreadable = [camera for camera in cameras if isinstance(camera.password, Undecryptable)]
        if unreadable:
            names = ", ".join(f"{camera.name} ({camera.pk})" for camera in unreadable)
            raise CommandError(
                f"Nothing was changed: no key of CAMERA_KEY decrypts the password of {names}. "
                "Add the key that decrypts it, or enter these passwords again."
            )
        Camera.objects.bulk_update(cameras, ["password"], batch_size=500)
        self.stdout.write(f"{len(cameras)} camera passwords are encrypted with the newest key of CAMERA_KEY.")
