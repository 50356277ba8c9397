"""A private broker comes back with what it confirmed, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from hub.lab import broker as module
from hub.lab.child import Child, ServerError, lineage, wait_until

ROOT = Path(__file__).parents[2]


@pytest.mark.rabbitmq
async def test_it_answers_at_its_url_and_listens_on_loopback_only(broker: Any) -> None:
    async with await aio_pika.connect(broker.url) as connection:
        assert not connection.is_closed
    if not hasattr(broker, "pids"):
        pytest.skip("the broker of HUB_TEST_BROKER_URL is not ours to look into")
    assert broker.pids()
    assert set(_listening(broker.pids())) == {"0100007F"}


def _listening(pids: list[int]) -> list[str]:
    """The addresses, as the kernel writes them, on which these processes accept connections."""
    sockets = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                sockets.add(entry.readlink().name)
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


@pytest.mark.rabbitmq
@pytest.mark.chaos
def test_killed_it_is_gone_and_started_again_it_has_the_same_url(broker: Any) -> None:
    url = broker.url
    broker.kill()
    assert (broker.running(), broker.pids()) == (False, [])
    broker.start()
    assert (broker.running(), broker.url) == (True, url)


def test_only_root_on_debian_has_it_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ServerError, match="apt-get install --no-install-recommends rabbitmq-server"):
        module.install()


def test_a_broker_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "SERVERS", ())
    with pytest.raises(ServerError, match="RabbitMQ is not installed"):
        module.PrivateBroker(tmp_path).start()


def shell(script: str, folder: Path) -> Child:
    return Child(("/bin/sh", "-c", script), log=folder / "log", env={"PATH": os.defpath}, cwd=folder)


def test_a_killed_child_takes_its_descendants_with_it(tmp_path: Path) -> None:
    child = shell("sh -c 'sleep 600; true' & sleep 600; true", tmp_path)
    wait_until(lambda: len(lineage(child.pid)) == 4, 10, "two shells and two sleeps")
    pids = lineage(child.pid)
    child.kill()
    assert not child.running()
    assert not any(lineage(pid) for pid in pids)


def test_a_child_that_ignores_the_first_signal_is_killed(tmp_path: Path) -> None:
    child = shell("trap '' TERM; touch deaf; while :; do sleep 600; done", tmp_path)
    wait_until((tmp_path / "deaf").exists, 10, "a deaf shell")
    child.end(signal.SIGTERM, within_s=0.1)
    assert not child.running()


def test_a_child_that_ends_too_early_is_an_error_at_once(tmp_path: Path) -> None:
    child = shell("exit 3", tmp_path)
    with pytest.raises(ServerError, match="ended before it was ready"):
        child.wait_for(lambda: False, 60, "it was ready")


@pytest.mark.chaos
def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from hub.lab.child import Child; here = Path(sys.argv[1]);"
        "child = Child(('/bin/sleep', '600'), log=here / 'log', env={}, cwd=here); print(child.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    wait_until(lambda: not lineage(int(done.stdout)), 10, "the end of the child")
