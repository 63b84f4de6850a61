"""A whole installation from the files of deploy/, started by `manage.py cluster`."""

import re
import signal
import sys

from tests.servers import Process, Site, free_port, wait_until

WORKERS = 4


class Cluster:
    """A running `manage.py cluster`. It ends on SIGINT."""

    def __init__(self, site: Site, workers: int = WORKERS, **settings: str) -> None:
        self.site, self.port = site, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.folder = site.folder / "cluster"
        words = ["cluster", "--workers", str(workers), "--port", str(self.port), "--cameras", "0"]
        environment = {**site.environment, **settings, "PYTHONUNBUFFERED": "1"}
        self.process = Process([sys.executable, "manage.py", *words], environment, site.folder / "cluster.log")
        try:
            wait_until(self._greets, 90, f"the cluster has started: {self.output()}")
        except BaseException:
            self.process.end()
            raise

    def output(self) -> str:
        return self.process.log.read_text(errors="replace")

    def _greets(self) -> bool:
        assert self.process.popen.poll() is None, self.output()
        return "Ctrl-C ends" in self.output()

    def pid(self, worker: int) -> int:
        """Returns the newest process id of a worker, from the log of supervisor."""
        log = (self.folder / "supervisord.log").read_text()
        return int(re.findall(rf"spawned: 'worker-{worker}' with pid (\d+)", log)[-1])

    def log(self, name: str) -> str:
        return (self.folder / name).read_text(errors="replace")

    def interrupt(self) -> int:
        self.process.signal(signal.SIGINT)
        return self.process.wait(45)
