"""What all tests share: a real PostgreSQL, a real RabbitMQ, the official data, and a seed that is printed.

A server that cannot be had is said loudly at the end of the run; where CI=true it fails the tests instead.
"""

import contextlib
import fcntl
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import pytest
from hypothesis import settings

from hub.lab import broker as rabbitmq
from hub.lab.broker import PrivateBroker
from hub.lab.child import ServerError
from hub.lab.postgres import PrivatePostgres
from hub.store.migrate import upgrade

ROOT: Final = Path(__file__).parents[1]
SHARED: Final = Path(os.environ.get("HUB_TEST_SHARED", ROOT.parent / "shared"))
CI: Final = os.environ.get("CI", "").lower() in {"1", "true"}
SEED: Final = int(os.environ.get("HUB_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["HUB_TEST_SEED"] = str(SEED)  # the workers that pytest-xdist starts have the same one
NOT_RUN: Final = "not run"
TEMPLATE: Final = "migrated"

# On a busy machine an example may take long; in CI the same examples are tried each time.
settings.register_profile("makutano", print_blob=True, deadline=None, derandomize=CI)
settings.load_profile("makutano")


def pytest_report_header() -> list[str]:
    return [
        f"seed: {SEED} (HUB_TEST_SEED={SEED} repeats it); hypothesis: {'derandomized, as CI=true' if CI else 'random'}",
        f"official data: {SHARED if SHARED.is_dir() else 'absent'} (HUB_TEST_SHARED)",
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode) -> None:
    skipped = terminalreporter.getreports("skipped")
    reasons = [reason for report in skipped for name, reason in report.user_properties if name == NOT_RUN]
    for reason in dict.fromkeys(reasons):
        terminalreporter.write_sep("!", f"{reasons.count(reason)} TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(reason, red=True)
    if exitstatus:
        terminalreporter.write_line(f"seed: {SEED} (HUB_TEST_SEED={SEED} repeats it)")


def not_run(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    """Skip a test so that nobody overlooks it; its report says so to whoever sums up, also from another process."""
    request.node.user_properties.append((NOT_RUN, reason))
    pytest.skip(reason)


@pytest.fixture
def seed() -> int:
    """The seed of this run, for `random.Random(seed)`; printed at its top."""
    return SEED


@contextlib.contextmanager
def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="makutano-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that the user `nobody` can reach: the place for a PrivatePostgres of one's own."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The PostgreSQL of this run."""
    with _open_folder() as folder:
        server = PrivatePostgres(folder / "postgres")
        server.start()
        yield server
        server.erase()


@pytest.fixture(scope="session")
def _names() -> Iterator[str]:
    return (f"test_{number}" for number in range(10**9))


@pytest.fixture
def database_url(postgres: PrivatePostgres, _names: Iterator[str]) -> Iterator[str]:
    """The URL of a fresh, empty database."""
    yield from _database(postgres, next(_names), "template1")


@pytest.fixture(scope="session")
def _template(postgres: PrivatePostgres) -> str:
    upgrade(postgres.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def migrated_url(postgres: PrivatePostgres, _names: Iterator[str], _template: str) -> Iterator[str]:
    """The URL of a fresh database that holds the hub's tables, empty."""
    yield from _database(postgres, next(_names), _template)


def _database(server: PrivatePostgres, name: str, template: str) -> Iterator[str]:
    server.start()  # a test may have killed it
    yield server.create_database(name, template)
    server.start()
    server.drop_database(name)


class GivenBroker:
    """The broker named in HUB_TEST_BROKER_URL, which is not ours to kill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """It runs, or the tests fail."""

    def kill(self) -> NoReturn:
        pytest.skip("the broker of HUB_TEST_BROKER_URL is not ours to kill")


@pytest.fixture(scope="session")
def _broker() -> Iterator[PrivateBroker | GivenBroker | str]:
    """Yield a broker, or the reason why there is none."""
    if given := os.environ.get("HUB_TEST_BROKER_URL"):
        yield GivenBroker(given)
        return
    try:
        with Path(__file__).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one worker installs it, and the others find it there
            if rabbitmq.server() is None:
                rabbitmq.install()
    except ServerError as error:
        yield str(error)
        return
    with _open_folder() as folder:
        node = PrivateBroker(folder)
        node.start()
        yield node
        node.stop()


@pytest.fixture
def broker(request: pytest.FixtureRequest, _broker: PrivateBroker | GivenBroker | str) -> PrivateBroker | GivenBroker:
    """The RabbitMQ of this run: `url`, and for those who dare `kill()` and `start()`."""
    if isinstance(_broker, str):
        if CI:
            pytest.fail(f"CI=true, but there is no broker: {_broker}")
        not_run(request, _broker)
    _broker.start()  # a test may have killed it
    return _broker


@pytest.fixture
def gsma(request: pytest.FixtureRequest) -> Path:
    """The folder with the GSMA's published specification."""
    return _official("gsma", request)


@pytest.fixture
def iso20022(request: pytest.FixtureRequest) -> Path:
    """The folder with ISO 20022's published message definitions."""
    return _official("iso20022", request)


def _official(name: str, request: pytest.FixtureRequest) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        not_run(request, f"the official data is absent: {folder} (HUB_TEST_SHARED names the folder above it)")
    return folder
