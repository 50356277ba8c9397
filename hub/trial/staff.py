"""The sandbox's office: an operator of each role, two of them admins, with secrets that only this machine knows."""

import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from hub.core.office.operators import AdmitOperator, FoundOffice
from hub.core.office.records import Operator, OperatorRole
from hub.core.record import Deed
from hub.flow import Door
from hub.trial.prefunding import by_two

ADMINS: Final = ("admin-1", "admin-2")
STAFF: Final[Mapping[str, tuple[OperatorRole, ...]]] = {
    "maker": (OperatorRole.MAKER,),
    "checker": (OperatorRole.CHECKER,),
    "viewer": (OperatorRole.VIEWER,),
}
WHY: Final = "the sandbox opens"

_read: Final = msgspec.json.Decoder(dict[str, str]).decode


async def staffed(door: Door, path: Path) -> dict[str, str]:
    """Admit whoever is missing; returns their secrets, which are kept at `path` for its owner alone.

    Raises ValueError where operators are there whose secrets are not.
    """
    known = _known(path)
    kept = {name: known.get(name) or secrets.token_urlsafe(32) for name in (*ADMINS, *STAFF)}
    missing = [name for name in kept if await door.store.records.one(Operator, name) is None]
    if lost := [name for name in kept if name not in missing and name not in known]:
        raise ValueError(f"{path} has no secrets of {', '.join(lost)}: begin anew in another HUB_VAR")
    _keep(path, kept)
    for name in missing:
        hashed = sha256(kept[name].encode()).hexdigest()
        if name in ADMINS:
            roles = (OperatorRole.ADMIN,)
            await _done(door, FoundOffice(by=name, operator=name, roles=roles, secret_hash=hashed, why=WHY))
        else:
            await _admit(door, name, hashed)
    return kept


async def _admit(door: Door, name: str, hashed: str) -> None:
    deed = AdmitOperator(by=ADMINS[0], operator=name, roles=STAFF[name], secret_hash=hashed, why=WHY)
    await by_two(door, deed, ADMINS[1], why=WHY)


async def _done(door: Door, deed: Deed) -> None:
    result = await door.handle(deed)
    if result.reason:
        raise ValueError(f"{type(deed).__name__}: {result}")


def _known(path: Path) -> dict[str, str]:
    return _read(path.read_bytes()) if path.exists() else {}


def _keep(path: Path, kept: Mapping[str, str]) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
