"""The `hub` command as an operator runs it: a process of its own for each, whose streams and exit code are looked at.

A process begins as the fork of one that has imported the heavy modules already: they take two seconds of each start,
and nothing else. What reads the environment or the terminal, `hub.main` and the commands, each process imports itself.
"""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
COLUMNS: Final = 160
WITHIN_S: Final = 60

_forks: Final = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["hub.roles.parts", "hub.roles.scheme", "hub.store.audit", "hub.trial.show"])


def hub(*arguments: str, database: str = "", code: int = 0, columns: int = COLUMNS) -> str:
    """Run the command; what it prints, on either stream."""
    with tempfile.TemporaryDirectory() as folder:
        streams = (Path(folder, "out"), Path(folder, "err"))
        process = _forks.Process(target=_command, args=(arguments, environment(database, columns), streams))
        process.start()
        process.join(WITHIN_S)
        process.kill()
        process.join()
        said, complained = (each.read_text("utf-8") for each in streams)
    assert process.exitcode == code, said + complained
    assert "Traceback" not in complained
    return said + complained


def environment(database: str, columns: int = COLUMNS) -> dict[str, str]:
    """The variables that the command sees: ours, its terminal's and the database's."""
    terminal = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    return {**os.environ, **terminal, **({"HUB_DATABASE_URL": database} if database else {})}


def _command(arguments: tuple[str, ...], env: dict[str, str], streams: tuple[Path, Path]) -> None:
    """Be the command, as the console script `hub` is."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    from hub.main import run

    sys.argv = ["hub", *arguments]
    run()


def proposal_in(said: str) -> str:
    """The id of what a command has proposed, as the second person is told to type it."""
    return said.rpartition("hub proposals approve ")[2].split()[0]
