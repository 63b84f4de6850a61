"""The programs under load. Workers, Redis and nginx have a process each; all simulated cameras share one."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from bench.cameras import SMALL, start_cameras
from bench.leases import COUNT_UNEXPIRED
from bench.meter import Meter
from bench.ports import listens
from streaming.store.keys import SERVER_SET
from tests.client import Session
from tests.databases import make_template
from tests.servers import Process, RedisServer, Worker, free_port, site, wait_until

NGINX = """
{user}daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    upstream workers {{ least_conn; {servers} }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://workers; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 75s;
            proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
    }}
}}
"""


@dataclass
class Installation:
    """A running installation of the product: its workers, its cameras, the URL for viewers, and meters of the CPU that
    its programs use.
    """

    redis_url: str
    workers: list[Worker]
    cameras: list[str]  # ids
    base: str = ""  # nginx, or the first worker
    programs: dict[str, Meter] = field(default_factory=dict)

    def slots(self) -> int:
        """Returns how many streams hold a slot (an unexpired lease in Redis)."""
        with redis.Redis.from_url(self.redis_url) as client:
            return int(client.eval(COUNT_UNEXPIRED, 1, SERVER_SET))

    def memory(self) -> list[float]:
        """Returns the resident megabytes of each worker."""
        return [psutil.Process(worker.process.popen.pid).memory_info().rss / 1e6 for worker in self.workers]


@contextmanager
def installed(workers: int, cameras: int, limit: int, *, proxied: bool) -> Iterator[Installation]:
    """Run an installation with so many workers and cameras, which admits up to `limit` viewers, until the block ends.
    `proxied`: behind nginx, if it is installed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nvr-load-")))
        for part in ("site", "template", "redis"):
            (folder / part).mkdir()
        store = stack.enter_context(RedisServer(folder / "redis"))
        settings = {"REDIS_URL": store.url, "STREAM_MAX_CONCURRENT": str(limit)}
        running = stack.enter_context(site(folder / "site", make_template(folder / "template"), **settings))
        urls, simulator = start_cameras(stack, folder, running.environment, cameras, *SMALL)
        ids = [running.add_camera(f"Camera {number}", url) for number, url in enumerate(urls)]
        installation = Installation(store.url, [running.start_worker() for _ in range(workers)], ids)
        assert store.process is not None
        installation.programs = {
            "workers": Meter(*(worker.process.popen.pid for worker in installation.workers)),
            "cameras": Meter(simulator.popen.pid),
            "Redis": Meter(store.process.popen.pid),
        }
        installation.base = installation.workers[0].base
        session = Session(installation.base)
        if proxied and shutil.which("nginx"):
            installation.base, nginx = start_nginx(stack, folder, installation.workers)
            installation.programs["nginx"] = Meter(nginx.popen.pid)
        wait_until(lambda: _is_open(session), 20, "the gate admits viewers; it waits after a start of Redis")
        yield installation


def start_nginx(stack: ExitStack, folder: Path, workers: Sequence[Worker]) -> tuple[str, Process]:
    """Start nginx in front of `workers`, until `stack` ends. Returns nginx's base URL and its process."""
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{worker.port} max_fails=0;" for worker in workers)
    user = "user root; " if os.geteuid() == 0 else ""  # only this user may read the folder
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, servers=servers, user=user))
    process = Process(["nginx", "-c", str(configuration)], dict(os.environ), folder / "nginx.log")
    stack.callback(process.end)
    wait_until(lambda: listens(port), 10, "nginx listens")
    return f"http://127.0.0.1:{port}", process


def _is_open(session: Session) -> bool:
    return bool(session.json("/api/v1/cameras/stream/metrics")["gate"]["state"] == "open")
