"""How commands bring deeds about: done at once, or put before a second person; they print, and decide nothing."""

from typing import TYPE_CHECKING

from hub.commands.plain import out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.command import Done
    from hub.core.record import Deed


async def done(deed: "Deed") -> "Done":
    """Carry a deed out; raises ValueError with the reason when it is refused."""
    from hub.core.command import Refusal  # noqa: PLC0415
    from hub.roles.parts import carry_out  # noqa: PLC0415

    result = await carry_out(Settings(), deed)
    if isinstance(result, Refusal):
        raise ValueError(f"refused: {result.reason} {result.detail}".rstrip())
    return result


async def propose(deed: "Deed", *, about: str, why: str) -> str:
    """Put a deed before a second person, and say what that person types; returns the proposal's id."""
    from hub.core.office.operators import approver_of  # noqa: PLC0415
    from hub.core.office.proposal import Propose  # noqa: PLC0415

    proposal = fresh_id()
    await done(Propose(by=deed.by, ref=fresh_id(), proposal=proposal, deed=deed, subject=about, why=why))
    out.print(f"proposed: {type(deed).__name__} {about}, {proposal}", highlight=False)
    role = approver_of(type(deed))
    out.print(f"Another person ({role}) decides: hub proposals approve {proposal} --by NAME", highlight=False)
    return proposal


def fresh_id() -> str:
    """Return an id that no other has."""
    from hub.http.ids import new_id  # noqa: PLC0415

    return new_id()
