"""manage.py import_cameras: add or change cameras as a file lists them.

The file is CSV, or the configuration of another program (go2rtc, Frigate, MediaMTX).
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cameras.imports import MAX_BYTES, ImportFileError, Plan, import_file
from cameras.models import Camera
from cameras.sources import CameraSource


class Command(BaseCommand):
    help = (
        "Add and change cameras from go2rtc.yaml, Frigate's config.yml, MediaMTX's mediamtx.yml or a CSV file. "
        "Entries that are no cameras are left out, with the reason. Passwords are never printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="only print what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
            plan = import_file(data, file.name, Camera.objects.all(), dry_run=options["dry_run"])
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except ImportFileError as error:
            raise CommandError(f"Nothing was imported. {error}") from error
        self._print(plan)
        self.stdout.write(f"{'Would be' if options['dry_run'] else 'Imported'}: {plan}.")

    def _print(self, plan: Plan) -> None:
        for sign, cameras in (("+", plan.created), ("~", plan.changed)):
            for camera in cameras:
                substream = camera.substream_url
                parts = [
                    camera.name,
                    str(CameraSource(camera.stream_url)),
                    f"(substream: {CameraSource(substream)})" if substream else "",
                    f"(changes: {', '.join(plan.changes[camera.name])})" if camera.name in plan.changes else "",
                    plan.notes.get(camera.name, ""),
                ]
                self.stdout.write(f"{sign} {'  '.join(filter(None, parts))}")
        for refused in plan.refused:
            self.stdout.write(f"- {refused.name}  {refused.reason}")
