"""Begins an adapter: copies the template under a new name; it never touches a folder that is there."""

import keyword
import re
import shutil
from pathlib import Path
from typing import Final

from adapters.contract import ADAPTERS

TEMPLATE: Final = "template"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NAME_MAX: Final = 32


class AdapterNameError(ValueError):
    """The name cannot be an adapter's."""


def create(name: str, root: Path) -> Path:
    """Copy the template to `root`/`name` and return that folder; raises AdapterNameError."""
    if not _NAME.fullmatch(name) or len(name) > _NAME_MAX or keyword.iskeyword(name):
        raise AdapterNameError(
            f"{name!r}: an adapter's name has lower-case letters, digits and single _ between them, "
            f"begins with a letter and has at most {_NAME_MAX} characters, for example acme_money"
        )
    folder = root / name
    if any((parent / taken).exists() for parent in (root, ADAPTERS) for taken in (name, f"{name}.py")):
        raise AdapterNameError(f"{name!r} is taken")
    shutil.copytree(ADAPTERS / TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in folder.rglob("*.*"):
        path.write_text(path.read_text("utf-8").replace(TEMPLATE, name), "utf-8")
    return folder
