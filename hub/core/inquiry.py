"""Inquiries: who may ask what, and which connection is asked; a question never has an effect on the ledger."""

from collections.abc import Mapping
from typing import Final

from hub.core.command import Reason, Refusal
from hub.core.instrument import Instrument, references_in
from hub.core.participant import Scheme
from routing.message import Kind, Resource
from routing.party import Identifier, Party, same

# What any active participant may ask. Whoever knows the number of an account or a meter may learn whose it is before
# it pays, and what is due; codes and payments are shown to those they concern, row by row.
OPEN: Final = frozenset(
    {
        Kind.ACCOUNT_NAME,
        Kind.ACCOUNT_STATUS,
        Kind.BILL_COMPANIES,
        Kind.BILLS,
        Kind.BILL_PAYMENTS,
        Kind.CODES,
        Kind.HEARTBEAT,
    }
)


def route(
    scheme: Scheme,
    *,
    asker: str,
    kind: Kind,
    party: Party,
    institution: str,
    overrides: Mapping[Identifier, str],
    entitled: bool = False,
) -> str | Refusal:
    """Return the connection to ask, or why nobody can be asked; `entitled`: an instrument lets the asker look."""
    if not scheme.active(asker):
        return Refusal(reason=Reason.CALLER_SUSPENDED)
    resolved = scheme.directory.resolve(party, overrides)
    participant = institution or resolved.participant
    if participant is None or participant not in scheme.participants:
        return Refusal(reason=Reason.PAYEE_UNKNOWN, detail="; ".join(resolved.reasons))
    if kind not in OPEN and not entitled and participant != asker:
        return Refusal(reason=Reason.NOT_YOUR_CUSTOMER)
    if not scheme.active(participant):
        return Refusal(reason=Reason.PARTICIPANT_SUSPENDED, detail=participant)
    routed = scheme.rails.to_ask(participant, kind)
    if routed.connection is None:
        reason = Reason.NO_ROUTE if _switched_off(scheme, participant, kind) else Reason.UNSUPPORTED
        return Refusal(reason=reason, detail="; ".join(routed.reasons))
    return routed.connection.name


def _switched_off(scheme: Scheme, participant: str, kind: Kind) -> bool:
    """Say whether a connection that is switched off could answer: that passes, what a rail cannot do stays."""
    connections = scheme.rails.by_name.values()
    return any(
        each.participant == participant and not each.enabled and kind in each.rail.questions for each in connections
    )


def opens(found: Instrument, caller: str, party: Party) -> bool:
    """Say whether a link or mandate lets the caller look at the account that it names by it."""
    others = tuple(each for each in party if not references_in((each,)))
    return caller in (found.owner, found.participant) and found.active and (not others or same(others, found.account))


def shows(found: Instrument, caller: str, payee: str) -> bool:
    """Say whether the caller may see an instrument; `payee`: who holds the account that a mandate pays."""
    return caller in (found.owner, found.participant) or (found.kind is Resource.MANDATE and caller == payee)


def contradicts(party: Party, account: Party) -> bool:
    """Say whether two parties cannot be one account: an identifier that both have differs."""
    theirs = {each.key: each.value for each in account}
    return any(theirs.get(each.key, each.value) != each.value for each in party)
