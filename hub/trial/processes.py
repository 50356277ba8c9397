"""The hub's roles as real processes, for bench and chaos: started, killed, restarted, their CPU counted."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hub.lab.child import Child, ServerError, lineage, tail

READY_WITHIN_S: Final = 40
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
ROOT: Final = Path(__file__).parents[2]


def cpu_ms(pids: Sequence[int]) -> int:
    """Sum the CPU time, user and system, that these processes have used so far, in milliseconds."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total * 1000 // _TICKS_PER_S


class Process:
    """One of ours, as `python -m MODULE ARGUMENTS`; ready when it listens on its port."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], env: Mapping[str, str], *, folder: Path, port: int
    ) -> None:
        """Keep how to start it; its log is in `folder`."""
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", module, *arguments]
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **env}
        self._child: Child | None = None
        self._used_ms = 0

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        child = Child(self._command, log=self.log, env=self._env, cwd=ROOT)
        self._child = child
        try:
            child.wait_for(self._listens, READY_WITHIN_S, f"{self.name} was ready")
        except ServerError as error:
            raise ServerError(f"{self.name}: {error}{tail(self.log)}") from error

    def kill(self) -> None:
        """SIGKILL it."""
        if self._child is not None:
            self._used_ms += cpu_ms(lineage(self._child.pid))
            self._child.kill()

    def stop(self) -> None:
        """End it in order, with a limit."""
        if self._child is not None:
            self._child.end(signal.SIGTERM, within_s=20)

    def cpu_ms(self) -> int:
        """Return the CPU it has used, over all its lives, in milliseconds."""
        return self._used_ms + (cpu_ms(lineage(self._child.pid)) if self._child else 0)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False
