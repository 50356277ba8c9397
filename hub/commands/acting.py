"""How commands bring deeds about: done at once, or put before a second person; they print, and decide nothing."""

from typing import TYPE_CHECKING

from hub.commands.plain import RefusedError, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.command import Done, Publish
    from hub.core.record import Deed
    from hub.store.sql import SqlStore


async def done(command: "Deed | Publish") -> "Done":
    """Carry a deed or what is published out; raises RefusedError with the reason when it is refused."""
    from hub.core.command import Refusal  # noqa: PLC0415
    from hub.http.operator.problems import sayings  # noqa: PLC0415
    from hub.roles.store import carry_out  # noqa: PLC0415

    result = await carry_out(Settings(), command)
    if isinstance(result, Refusal):
        raise RefusedError(f"{result.reason}: {result.detail or sayings()[result.reason].description}")
    return result


async def named(store: "SqlStore", by: str) -> None:
    """Refuse a name under which nobody acts; raises RefusedError. What `done` carries out is refused by itself."""
    from hub.roles.operators import nobody  # noqa: PLC0415

    if (refused := await nobody(store.records, by)) is not None:
        raise RefusedError(f"{refused.reason}: {refused.detail}")


def by_admins(by: str, why: str) -> None:
    """Refuse what one admin proposes and another approves where nobody says it, or why; raises ValueError."""
    if not by or not why:
        raise ValueError("there are two admins: say --by and --why, and have another admin approve it")


async def propose(deed: "Deed", *, about: str, why: str) -> str:
    """Put a deed before a second person, and say what that person types; returns the proposal's id."""
    from hub.core.office.operators import approver_of  # noqa: PLC0415
    from hub.core.office.proposal import Propose  # noqa: PLC0415

    proposal = fresh_id()
    await done(Propose(by=deed.by, ref=fresh_id(), proposal=proposal, deed=deed, subject=about, why=why))
    out.print(f"proposed: {type(deed).__name__} {about}, {proposal}", highlight=False)
    role = approver_of(type(deed))
    out.print(f"Another person ({role}) looks at it and decides:", highlight=False)
    for verb in ("show", "approve"):  # each on a line of its own, to be copied
        name = " --by NAME" if verb == "approve" else ""
        out.print(f"  hub proposals {verb} {proposal}{name}", highlight=False, soft_wrap=True)
    return proposal


def fresh_id() -> str:
    """Return an id that no other has."""
    from hub.http.ids import new_id  # noqa: PLC0415

    return new_id()
