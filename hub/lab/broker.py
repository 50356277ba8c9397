"""A private RabbitMQ node on free loopback ports; it must never touch the machine's own broker or its settings.

Started, killed, started again on the same data: tests and `hub bench` use it. Production has a broker of its own.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final

from hub.lab.child import Child, ServerError, free_ports, lineage, tail

LOOPBACK: Final = "127.0.0.1"
START_WITHIN_S: Final = 90  # on a busy machine; 5 s on an idle one
STOP_WITHIN_S: Final = 20
INSTALL_WITHIN_S: Final = 600
# Not `/usr/sbin/rabbitmq-server`: Debian's wrapper changes the user and reads the settings of the machine.
SERVERS: Final = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
)
EPMDS: Final = ("/usr/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd")
# Two schedulers that sleep when there is nothing to do, instead of turning at full speed for a while.
ERLANG: Final = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
CONF: Final = """\
listeners.tcp.default = 127.0.0.1:{port}
log.file = node.log
log.file.level = warning
log.console = false
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
"""


def server() -> Path | None:
    """Find RabbitMQ's start script."""
    return _first(SERVERS)


def install() -> None:
    """Install RabbitMQ from Debian's archive; raises ServerError, saying what to do, where that is not ours to do."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ServerError(
            "RabbitMQ is not installed, and only root on Debian can have it installed here: install it "
            "(apt-get install --no-install-recommends rabbitmq-server), or name a broker in HUB_TEST_BROKER_URL"
        )
    wanted = ("install", "--yes", "--no-install-recommends", "rabbitmq-server")
    for arguments in (("update",), wanted):
        done = subprocess.run(
            ["/usr/bin/apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN_S,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"apt-get {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


class PrivateBroker:
    """One RabbitMQ node with all its files in one directory."""

    def __init__(self, directory: Path) -> None:
        """Choose the ports; nothing runs before `start`. Files of an earlier node in the directory are used again."""
        self.directory = directory.resolve()
        self.port, self._dist_port, self._epmd_port = free_ports(3)
        self.log = self.directory / "output.log"
        self._node: Child | None = None
        self._epmd: Child | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/"

    def start(self) -> None:
        """Start the node, or start it again after `kill`, and return when it answers AMQP; raises ServerError."""
        if self.running():
            return
        script, epmd = server(), _first(EPMDS)
        if script is None or epmd is None:
            raise ServerError("RabbitMQ is not installed: hub.lab.broker.install() can do it as root on Debian")
        env = self._prepare()
        if self._epmd is None or not self._epmd.running():
            # Left to itself the node would start an epmd that nobody ends.
            command = (epmd, "-port", str(self._epmd_port), "-address", LOOPBACK)
            self._epmd = Child(command, log=self.log, env=env, cwd=self.directory)
        self._node = Child((script,), log=self.log, env=env, cwd=self.directory)
        try:
            self._node.wait_for(self._answers, START_WITHIN_S, f"AMQP on port {self.port}")
        except ServerError as error:
            self.stop()
            raise ServerError(
                f"RabbitMQ did not start: {error}{tail(self.directory / 'log/node.log')}{tail(self.log)}"
            ) from None

    def kill(self) -> None:
        """SIGKILL the node; what it had confirmed is on disk, and `start` brings it back on the same ports."""
        if self._node:
            self._node.kill()

    def stop(self) -> None:
        """End the node in good order, and all that belongs to it."""
        if self._node:
            self._node.end(signal.SIGTERM, STOP_WITHIN_S)
        if self._epmd:
            self._epmd.kill()
        self._node = self._epmd = None

    def running(self) -> bool:
        """Say whether the node runs."""
        return self._node is not None and self._node.running()

    def pids(self) -> list[int]:
        """List the node's processes, for the accounting of CPU and memory."""
        return lineage(self._node.pid) if self._node and self.running() else []

    def _prepare(self) -> dict[str, str]:
        """Write the node's settings and return its environment: nothing of the machine's own broker is seen."""
        for folder in ("log", "data", "home", "generated"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        (self.directory / "rabbitmq.conf").write_text(CONF.format(port=self.port))
        (self.directory / "plugins").write_text("[].\n")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.directory / "home"),  # Erlang's cookie is made there
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.directory / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.directory / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_NODENAME": "makutano@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "data"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_PID_FILE": str(self.directory / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }

    def _answers(self) -> bool:
        """Say AMQP's opening words and see whether a node says its own."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
        return False


def _first(patterns: tuple[str, ...]) -> Path | None:
    return next((found for pattern in patterns for found in sorted(Path("/").glob(pattern[1:]))), None)
