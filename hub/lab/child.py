"""A server of ours as a child process: started, watched, killed with all its descendants; it must never outlive us.

`PR_SET_PDEATHSIG` would follow the thread that started the server, and a thread pool's threads end early. So
a shell of a few kilobytes waits at the end of a pipe instead: when we die, however we die, it reads the end
of the pipe and signals the server.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

POLL_S: Final = 0.02
GONE_WITHIN_S: Final = 10
TAIL_LINES: Final = 20
# Below the range from which the kernel takes ports for outgoing connections: there, a client that tries to reach
# a killed server may be given the server's own port, and connect to itself.
PORTS: Final = range(20_000, 32_000)
_WATCH: Final = 'read _ || kill -s "$1" -- "-$2"'


class ServerError(Exception):
    """A private server could not be found, started or reached; the message says what to do, or ends with its log."""


class User(NamedTuple):
    """Who a server runs as."""

    uid: int
    gid: int


class Child:
    """One running server, in a session of its own so that a Ctrl-C for us is none for it."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        user: User | None = None,
        farewell: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Start the command; what it writes is added to `log`; `farewell` is what it gets when we die."""
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        self.pid = self._server.pid
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "watch", farewell.name.removeprefix("SIG"), str(self.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def running(self) -> bool:
        """Say whether it still runs; the first "no" also ends the watch over it."""
        if self._server.poll() is None:
            return True
        self._unwatch()
        return False

    def wait_for(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Return once the condition holds; raises ServerError after `within_s`, or when the server ends first."""
        wait_until(lambda: condition() or not self.running(), within_s, what)
        if not self.running():
            raise ServerError(f"it ended before {what}")

    def end(self, first: signal.Signals, within_s: float) -> None:
        """Signal it, wait, and kill what is left after `within_s`."""
        if self.running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(within_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL it and all its descendants; returns when they are gone."""
        kill(self.pid)
        self._server.wait(GONE_WITHIN_S)
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watch.returncode is None:
            with contextlib.suppress(BrokenPipeError):
                self._watch.communicate(b"\n", timeout=GONE_WITHIN_S)


def lineage(pid: int) -> list[int]:
    """List a process and its descendants, parents first, without those that are dead and not yet buried."""
    children: dict[int, list[int]] = {}
    alive = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append(int(stat.parent.name))
            if state not in "ZX":
                alive.add(int(stat.parent.name))
    found = [pid]
    for one in found:  # grows while it is read
        found.extend(children.get(one, []))
    return [one for one in found if one in alive]


def kill(pid: int) -> None:
    """SIGKILL a process and its descendants; returns when none runs, raises ServerError when one does not die."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)  # or it might have a child after they were counted
    doomed = lineage(pid)
    for one in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    wait_until(lambda: not any(lineage(one) for one in doomed), GONE_WITHIN_S, f"the end of {doomed}")


def wait_until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Return once the condition holds; raises ServerError after `within_s`."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"waited {within_s:g} s for {what}")
        time.sleep(POLL_S)


def free_ports(count: int) -> list[int]:
    """Choose loopback ports that nobody listens on at this moment."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise ServerError(f"fewer than {count} free ports between {PORTS.start} and {PORTS.stop}")


def tail(log: Path) -> str:
    """Return the end of a server's log, for an error message."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else ["(no log was written)"]
    return "\n".join(["", f"the end of {log}:", *lines[-TAIL_LINES:]])
