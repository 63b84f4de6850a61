"""manage.py simulate: serve simulated cameras, by RTSP or HTTP, until Ctrl-C or SIGTERM.

For each camera, prints `NAME: ADDRESS`, with --substreams also the substream's address; other programs read these
lines. With --until-closed it also ends when its standard input is closed.
"""

import errno
import signal
import sys
import threading
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cameras.simulator import TRANSPORTS, Codec, Fault, SimulatedCamera, Simulator, default_cameras, substream_of


class Command(BaseCommand):
    help = "Serve simulated cameras on this machine until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cameras", type=int, default=4, help="number of cameras (default 4)")
        parser.add_argument(
            "--port", type=int, default=8554, help="port to listen on; 0 = any free port (default 8554)"
        )
        parser.add_argument("--file", help="play this clip in a loop, at its own rate, instead of drawn scenes")
        parser.add_argument("--width", type=int, default=0, help="pixels, even (default 1280, or the clip's)")
        parser.add_argument("--height", type=int, default=0, help="pixels, even (default 720, or the clip's)")
        parser.add_argument("--fps", type=int, default=25, help="frames per second of drawn scenes (default 25)")
        parser.add_argument("--codec", choices=[codec.value for codec in Codec], default=Codec.H264.value)
        parser.add_argument(
            "--transport", choices=TRANSPORTS, default="rtsp", help="http always sends mjpeg (default rtsp)"
        )
        parser.add_argument("--substreams", action="store_true", help="each camera has a substream of 640x360, too")
        parser.add_argument("--until-closed", action="store_true", help="end when standard input is closed")
        parser.add_argument("--fault", choices=[fault.value for fault in Fault], default=Fault.NONE.value)

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        cameras = _make_cameras(options)
        with suppress(KeyboardInterrupt), _listen(options["port"]) as simulator:
            for camera in cameras:
                streams = [camera, substream_of(camera)] if options["substreams"] else [camera]
                for stream in streams:
                    _add(simulator, stream, Fault(options["fault"]))
                self.stdout.write(f"{camera.name}: {' '.join(stream.url for stream in streams)}")
            self.stdout.flush()
            if options["until_closed"]:
                sys.stdin.buffer.read()  # returns when the parent process has ended, in whatever way
            else:
                threading.Event().wait()


def _make_cameras(options: dict[str, Any]) -> list[SimulatedCamera]:
    if options["cameras"] < 1:
        raise CommandError("--cameras must be at least 1.")
    names = ("width", "height", "fps", "file", "codec", "transport")
    try:
        return default_cameras(options["cameras"], **{name: options[name] for name in names})
    except ValueError as error:
        raise CommandError(str(error)) from error


def _listen(port: int) -> Simulator:
    try:
        return Simulator(port)
    except OverflowError as error:
        raise CommandError(f"--port must be 0 to 65535, not {port}.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(f"Port {port} is in use. Choose another with --port.") from error
        raise CommandError(f"Cannot listen on port {port}: {error.strerror}.") from error


def _add(simulator: Simulator, camera: SimulatedCamera, fault: Fault) -> None:
    camera.fault = fault
    try:
        simulator.add(camera)
    except ValueError as error:
        raise CommandError(f"{error}.") from error
