"""A private PostgreSQL keeps what it committed, and outlives neither its hub nor its welcome."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hub.lab import postgres as module
from hub.lab.child import ServerError, free_ports, lineage, wait_until
from hub.lab.postgres import PrivatePostgres, binaries

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mine(open_folder: Path) -> Iterator[PrivatePostgres]:
    """A cluster of the test's own, not started."""
    server = PrivatePostgres(open_folder / "pg")
    yield server
    server.erase()


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else (None,)
    assert row
    return row[0]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
    ],
)
def test_it_is_as_safe_as_a_real_one(postgres: PrivatePostgres, setting: str, value: str) -> None:
    assert ask(postgres.url, f"SHOW {setting}") == value  # the names are those above


@pytest.mark.postgres
def test_each_test_has_an_empty_database_of_its_own(database_url: str) -> None:
    assert ask(database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


@pytest.mark.postgres
def test_a_migrated_database_holds_the_tables_of_the_hub(migrated_url: str) -> None:
    assert ask(migrated_url, "SELECT count(*) FROM transfer") == 0


@pytest.mark.postgres
@pytest.mark.chaos
def test_what_was_committed_survives_sigkill(mine: PrivatePostgres) -> None:
    mine.start()
    url = mine.create_database("books")
    ask(url, "CREATE TABLE entries AS SELECT generate_series(1, 1000)")
    mine.kill()
    assert (mine.running(), mine.pids()) == (False, [])
    mine.start()
    assert ask(url, "SELECT count(*) FROM entries") == 1000


@pytest.mark.postgres
def test_a_second_one_for_the_same_folder_attaches_and_leaves_it_running(mine: PrivatePostgres) -> None:
    mine.start()
    second = PrivatePostgres(mine.directory)
    second.start()
    assert (second.url, second.pids()) == (mine.url, mine.pids())
    second.stop()
    assert mine.running()
    mine.stop()
    assert not second.running()
    second.start()  # nobody owns it now
    assert second.running()
    second.stop()


@pytest.mark.postgres
@pytest.mark.chaos
def test_no_server_outlives_a_killed_owner(mine: PrivatePostgres) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from hub.lab.postgres import PrivatePostgres;"
        "server = PrivatePostgres(Path(sys.argv[1])); server.start(); print(server.pids()[0], flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(mine.directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    mine.start()  # does not attach to the dying one
    assert int(done.stdout) not in mine.pids()
    wait_until(lambda: not lineage(int(done.stdout)), 10, "the end of the orphan")
    assert ask(mine.url, "SELECT 1") == 1


@pytest.mark.postgres
@pytest.mark.parametrize("name", ["with space, and %", 'a "quoted" one', "x" * 120])
def test_any_folder_will_do(open_folder: Path, name: str) -> None:
    server = PrivatePostgres(open_folder / name)
    server.start()
    try:
        assert ask(server.create_database('a "b" c'), "SELECT current_database()") == 'a "b" c'
    finally:
        server.erase()
    assert not (open_folder / name).exists()


@pytest.mark.postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_root_has_it_run_as_nobody_even_from_a_folder_that_nobody_can_reach(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = PrivatePostgres(tmp_path / "pg")
    server.start()
    try:
        assert Path(f"/proc/{server.pids()[0]}").owner() == "nobody"
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        server.erase()


@pytest.mark.postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs the copy")
def test_a_wheel_that_nobody_can_reach_is_copied_once(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable = module._reachable
    monkeypatch.setattr(module, "OPEN_PLACE", open_folder / "lib")
    monkeypatch.setattr(module, "_reachable", lambda path: "site-packages" not in str(path) and reachable(path))
    found = binaries()
    assert found.is_relative_to(open_folder)
    assert binaries() == found
    server = PrivatePostgres(open_folder / "pg")
    server.start()
    assert server.running()
    server.erase()


@pytest.mark.postgres
def test_with_a_port_it_also_listens_on_loopback_and_wants_a_password(open_folder: Path) -> None:
    server = PrivatePostgres(open_folder / "pg", port=free_ports(1)[0])
    server.start()
    try:
        assert ask(server.tcp_url_of("postgres"), "SELECT host(inet_server_addr())") == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://hub@127.0.0.1:{server.port}/postgres")
    finally:
        server.erase()


def test_a_folder_without_postgres_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUB_PG_BIN", str(tmp_path))
    with pytest.raises(ServerError, match=f"HUB_PG_BIN={tmp_path}"):
        binaries()


@pytest.mark.postgres
def test_a_server_that_does_not_start_shows_the_end_of_its_log(mine: PrivatePostgres) -> None:
    mine.start()
    mine.stop()
    (mine._data / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(ServerError, match='unrecognized configuration parameter "nonsense"'):
        mine.start()
    assert not mine.running()
