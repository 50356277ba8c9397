"""The wrapper: what it says before anything is installed, and when it builds, mends or leaves `.venv` alone."""

import importlib.util
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[1] / "makutano"


@pytest.fixture
def script(tmp_path: Path) -> ModuleType:
    """The wrapper of a clone in a temporary folder: it must not touch the `.venv` that runs the tests."""
    module = ModuleType("wrapper")
    module.__file__ = str(tmp_path / "makutano")
    exec(compile(SCRIPT.read_text("utf-8"), str(SCRIPT), "exec"), module.__dict__)  # noqa: S102 - it has no .py ending
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("first")
    return module


@pytest.fixture
def wrapper(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The same, but installing only leaves a trace."""
    done: list[str] = []

    def build() -> None:
        done.append("build")
        (script.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (script.VENV / "bin/python").touch()

    monkeypatch.setattr(script, "build", build)
    monkeypatch.setattr(script, "install", lambda: done.append("install"))
    script.done = done  # type: ignore[attr-defined]
    return script


def prepared(wrapper: ModuleType) -> list[str]:
    wrapper.done.clear()
    wrapper.prepare()
    return list(wrapper.done)


def test_a_fresh_clone_is_built_once(wrapper: ModuleType) -> None:
    assert prepared(wrapper) == ["build", "install"]
    assert prepared(wrapper) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_other_needs_are_installed_into_what_is_there(wrapper: ModuleType, name: str) -> None:
    prepared(wrapper)
    (wrapper.ROOT / name).write_text("second")
    assert prepared(wrapper) == ["install"]


def test_what_was_left_half_built_is_built_again(wrapper: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(wrapper)
    (wrapper.ROOT / "constraints.txt").write_text("second")
    with monkeypatch.context() as broken:
        broken.setattr(wrapper, "install", lambda: sys.exit("no network"))
        with pytest.raises(SystemExit, match="no network"):
            wrapper.prepare()
    assert prepared(wrapper) == ["build", "install"]


def test_a_lost_python_is_built_again(wrapper: ModuleType) -> None:
    prepared(wrapper)
    (wrapper.VENV / "bin/python").unlink()
    assert prepared(wrapper) == ["build", "install"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_help_comes_without_installing_anything(
    wrapper: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wrapper.main(arguments) == 0
    said = capsys.readouterr().out
    assert all(f"./makutano {verb}" in said for verb in ("demo", "run", "test", "check", "bench", "adapter", "audit"))
    assert wrapper.done == []


@pytest.mark.parametrize(
    ("arguments", "given"),
    [([], ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]), (["tests/core", "-x"], ["tests/core", "-x"])],
    ids=["all tests on all cores", "what is named as it is"],
)
def test_the_tests_are_run(
    wrapper: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: list[str], given: list[str]
) -> None:
    monkeypatch.chdir(wrapper.ROOT)  # where it goes; from there we come back
    started: list[list[str]] = []
    monkeypatch.setattr(wrapper.os, "execv", lambda _, command: started.append(command))
    wrapper.main(["test", *arguments])
    assert started == [[str(wrapper.VENV / "bin/python"), "-m", "pytest", *given]]


def test_an_old_python_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; this is 3\.9"):
        runpy.run_path(str(SCRIPT))


def test_a_debian_without_venv_is_told_what_to_install(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        script.prepare()


def test_a_command_that_fails_shows_what_it_printed(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"(?s)the reason.*this failed: "):
        script.quietly("trying", sys.executable, "-c", "print('the reason'); raise SystemExit(1)")
    assert "the reason" not in capsys.readouterr().out
