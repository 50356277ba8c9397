"""Inquiries: a question passed on to the participant that can answer it; no ledger effect, ever."""

from collections.abc import Mapping

from hub.core.command import Reason, Refusal
from hub.core.participant import Scheme
from routing.message import Kind
from routing.party import Identifier, Party


def route(
    scheme: Scheme, *, asker: str, kind: Kind, party: Party, institution: str, overrides: Mapping[Identifier, str]
) -> str | Refusal:
    """Return the connection to ask, or why nobody can be asked."""
    if not scheme.active(asker):
        return Refusal(reason=Reason.CALLER_SUSPENDED)
    resolved = scheme.directory.resolve(party, overrides)
    participant = institution or resolved.participant
    if participant is None or participant not in scheme.participants:
        return Refusal(reason=Reason.PAYEE_UNKNOWN, detail="; ".join(resolved.reasons))
    if not scheme.active(participant):
        return Refusal(reason=Reason.PARTICIPANT_SUSPENDED, detail=participant)
    routed = scheme.rails.to_ask(participant, kind)
    if routed.connection is None:
        return Refusal(reason=Reason.NO_ROUTE, detail="; ".join(routed.reasons))
    return routed.connection.name
