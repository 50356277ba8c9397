"""`hub operators ...`: who may do what; secrets are made here, shown once, and kept nowhere but as hashes."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from hub.commands.acting import by_admins, done, propose
from hub.commands.plain import loop, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.office.records import OperatorRole

operators = typer.Typer(no_args_is_help=True, help="Who may do what: two admins admit the others.")

SECRET_BYTES: Final = 32

Name = Annotated[str, typer.Argument(help="the name to log in with")]
Roles = Annotated[str, typer.Option(help="of viewer, maker, checker, admin; separated by commas")]
By = Annotated[str, typer.Option(help="your name, for the record")]
Why = Annotated[str, typer.Option(help="for whoever is to approve it, and for the record")]


@operators.command("admit")
def admit(
    name: Name,
    roles: Roles,
    by: By = "",
    why: Why = "",
    secret_hash: Annotated[str, typer.Option(help="SHA-256 of a secret that the person made; unset: one is made")] = "",
) -> None:
    """Admit somebody; the first two are admins. Example: [cyan]hub operators admit head-1 --roles admin,viewer[/]

    While there are not two admins this is done at once, by whoever has the database. Afterwards one admin proposes it
    and another approves it: --by and --why are needed then. The secret is shown once, and counts when that is done.
    """
    from hub.core.office.operators import ADMINS_MIN, AdmitOperator, FoundOffice  # noqa: PLC0415
    from hub.core.office.records import Operator  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        secret, hashed = ("", secret_hash) if secret_hash else _secret()
        named = _roles(roles)
        async with opened(Settings()) as store:
            admins = await store.records.found(Operator, admin="yes")
        if len(admins) < ADMINS_MIN:
            reason = why or "the office opens"
            found = FoundOffice(by=by or "owner", operator=name, roles=named, secret_hash=hashed, why=reason)
            await done(found)
            out.print(f"admitted: {name}, {', '.join(named)}", highlight=False)
            if not admins:
                out.print("One more admin is admitted in this way; those two admit the others.")
        else:
            by_admins(by, why)
            deed = AdmitOperator(by=by, operator=name, roles=named, secret_hash=hashed, why=why)
            await propose(deed, about=f"{name}: {', '.join(named)}", why=why)
        if secret:
            out.print(f"name={name}\nsecret={secret}", highlight=False, markup=False)

    loop(main)


@operators.command("roles")
def roles_(name: Name, roles: Roles, by: By, why: Why) -> None:
    """Give an operator other roles. Example: [cyan]hub operators roles desk-1 --roles maker --by head-1 --why new[/]"""
    from hub.core.office.operators import ChangeRoles  # noqa: PLC0415

    async def main() -> None:
        named = _roles(roles)
        deed = ChangeRoles(by=by, operator=name, roles=named, why=why)
        await propose(deed, about=f"{name}: {', '.join(named)}", why=why)

    loop(main)


@operators.command("disable")
def disable(name: Name, by: By, why: Why) -> None:
    """Let an operator do nothing more. Example: [cyan]hub operators disable desk-1 --by head-1 --why "has left"[/]"""
    from hub.core.office.operators import DisableOperator  # noqa: PLC0415

    async def main() -> None:
        await propose(DisableOperator(by=by, operator=name, why=why), about=name, why=why)

    loop(main)


@operators.command("list")
def list_() -> None:
    """List who may do what. Example: [cyan]hub operators list[/]"""
    from hub.core.office.records import Operator  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.office import operator_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.records.found(Operator)
        out.print(operator_table(found) if found else "nobody yet: hub operators admit NAME --roles admin")

    loop(main)


def _secret() -> tuple[str, str]:
    """Return a fresh secret, and the only thing that is kept of it."""
    import secrets  # noqa: PLC0415
    from hashlib import sha256  # noqa: PLC0415

    secret = secrets.token_urlsafe(SECRET_BYTES)
    return secret, sha256(secret.encode()).hexdigest()


def _roles(text: str) -> "tuple[OperatorRole, ...]":
    from hub.core.office.records import OperatorRole  # noqa: PLC0415

    known = {each.value: each for each in OperatorRole}
    named = [each.strip() for each in text.split(",")]
    if unknown := [each for each in named if each not in known]:
        raise ValueError(f"{', '.join(map(repr, unknown))}: roles are {', '.join(known)}")
    return tuple(known[each] for each in dict.fromkeys(named))
