"""A master, its replicas and three Sentinels, each a process on a port of loopback."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import redis

from tests.proxy import TcpProxy
from tests.servers import START_SECONDS, Process, RedisServer, environment_of, free_port, wait_until

SERVICE = "nvr-gate"
PASSWORD = "of-the-servers"
SENTINEL_PASSWORD = "of-the-sentinels"


class SentinelSet:
    """Runs while the block lasts."""

    def __init__(
        self,
        folder: Path,
        *,
        replicas: int = 1,
        down_after_ms: int = 500,
        flags: Mapping[str, str] | None = None,
        first_through: TcpProxy | None = None,
    ) -> None:
        """`flags`: options of the Redis servers. `first_through`: a proxy on the way from Sentinels, replicas and clients to
        the first master."""
        self._folder, self._flags, self._down_after_ms = folder, flags or {}, down_after_ms
        self._servers: dict[int, Process] = {}  # by port
        self._sentinels: dict[int, Process] = {}
        self._ports = [free_port() for _ in range(1 + replicas)]
        self._known_as = self._ports[0]  # the port at which Sentinels and replicas find the first master
        if first_through is not None:
            first_through.target, self._known_as = self._ports[0], first_through.port

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}?sentinel_password={SENTINEL_PASSWORD}"

    @property
    def first_url(self) -> str:
        """The address of the server that is the master at the start."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self._ports[0]}"

    def start_server(self, port: int, master: int | None = None) -> None:
        """`master`: the port of the master that it follows, if it is a replica."""
        flags = {
            "port": str(port),
            "bind": "127.0.0.1",
            "save": '""',
            "dir": str(self._folder),
            "dbfilename": f"{port}.rdb",
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
            **self._flags,
        }
        if master is not None:
            flags["replicaof"] = f"127.0.0.1 {master}"
        self._servers[port] = self._run(f"{port}", [f"{name} {value}" for name, value in flags.items()])

    def _start_sentinel(self) -> None:
        port = free_port()
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {self._folder}",
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._known_as} 2",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} {self._down_after_ms}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        self._sentinels[port] = self._run(f"sentinel-{port}", lines, "--sentinel")

    def _run(self, name: str, lines: list[str], *words: str) -> Process:
        """Run a server with a configuration file, which Sentinel rewrites."""
        configuration = self._folder / f"{name}.conf"
        configuration.write_text("\n".join(lines))
        command = [RedisServer.program, str(configuration), *words]
        return Process(command, environment_of(self._folder), self._folder / f"{name}.log")

    def state(self) -> dict[str, Any]:
        """The state of the master, as the first Sentinel that answers knows it."""
        for port in self._sentinels:
            with contextlib.suppress(redis.RedisError), self._sentinel(port) as sentinel:
                return dict(sentinel.sentinel_master(SERVICE))
        raise AssertionError("no Sentinel answers")

    def _sentinel(self, port: int) -> "redis.Redis":
        return redis.Redis(port=port, password=SENTINEL_PASSWORD, socket_timeout=2, decode_responses=True)

    def server(self, port: int) -> "redis.Redis":
        """A client of one server, whatever its part is."""
        return redis.Redis(port=port, password=PASSWORD, socket_timeout=2, decode_responses=True)

    def master(self) -> int:
        """Returns the port of the master."""
        return int(self.state()["port"])

    def process(self, port: int) -> Process:
        return self._servers[port]

    def fail_over(self) -> None:
        """Let the Sentinels make the replica the master, as an administrator does."""
        before = self.master()
        with self._sentinel(next(iter(self._sentinels))) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
        self.wait_for_another(before)

    def kill_master(self) -> int:
        """Kill the master. Returns its port."""
        port = self.master()
        self._servers[port].popen.kill()
        self._servers[port].wait(5)
        return port

    def kill_sentinel(self) -> None:
        """Kill the Sentinel that the address names first."""
        first = next(iter(self._sentinels.values()))
        first.popen.kill()
        first.wait(5)

    def wait_for_another(self, port: int, seconds: float = 20) -> float:
        """Wait until another server than that at `port` is the master. Returns the seconds."""
        return wait_until(lambda: self.master() != port, seconds, "another server is the master")

    def wait_until_whole(self) -> None:
        """Wait until all Sentinels know each other, and the replicas follow."""
        wait_until(self._is_whole, START_SECONDS, f"the Sentinels are ready; see {self._folder}")

    def _is_whole(self) -> bool:
        replicas, others = len(self._servers) - 1, len(self._sentinels) - 1
        for port in self._sentinels:
            with contextlib.suppress(redis.RedisError), self._sentinel(port) as sentinel:
                state = sentinel.sentinel_master(SERVICE)
                known = sentinel.sentinel_slaves(SERVICE)
                up = [one for one in known if one["flags"] == "slave" and one["master-link-status"] == "ok"]
                if state["num-other-sentinels"] == others and not state["is_sdown"] and len(up) == replicas:
                    continue
            return False
        return self._replicas(self.master()) == replicas

    def _replicas(self, port: int) -> int:
        with contextlib.suppress(redis.RedisError), self.server(port) as server:
            return int(server.info("replication")["connected_slaves"])
        return 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            self.start_server(self._ports[0])
            for port in self._ports[1:]:
                self.start_server(port, self._known_as)
            # Sentinels ask the master for its replicas at once, and then each ten seconds.
            wait_until(lambda: self._replicas(self._ports[0]) == len(self._ports) - 1, START_SECONDS, "replicas follow")
            for _ in range(3):
                self._start_sentinel()
            self.wait_until_whole()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        for process in (*self._sentinels.values(), *self._servers.values()):
            process.end()
