"""Paths: the account that a path names, in either of the API's two forms; it looks nothing up."""

import re
from typing import Final

from hub.http.api import Api, Call
from hub.http.errors import invalid
from routing.party import Party, PartyError, party
from routing.table import INSTITUTION_KEYS

PAIRS_MAX: Final = 3
_PAIR: Final = re.compile(r"([A-Za-z]+)@([^$\n]+)")


async def account_of(api: Api, call: Call) -> Party:
    """Read the account from the path: /{identifierType}/{identifier}, or /{key@value$key@value$key@value}."""
    parts = call.request.match_info
    if "identifierType" in parts:
        pairs = [(parts["identifierType"], parts["identifier"])]
    else:
        matches = [_PAIR.fullmatch(each) for each in parts["accountId"].split("$")]
        if not 1 <= len(matches) <= PAIRS_MAX or not all(matches):
            raise invalid("accountId", "formatError", f"Send key@value, up to {PAIRS_MAX} of them joined by '$'.")
        pairs = [(match[1], match[2]) for match in matches if match]
    if any("\0" in value for _, value in pairs):
        raise invalid("accountId", "formatError", "An identifier must not contain the character U+0000.")
    try:
        return party(pairs, await api.country(call))
    except PartyError as error:
        raise invalid("accountId", "formatError", str(error)) from None


def customer(account: Party) -> Party:
    """Leave out what only says which institution is meant; an institution by itself is its own customer."""
    return tuple(each for each in account if each.key not in INSTITUTION_KEYS) or account


async def party_in(api: Api, call: Call, name: str, pairs: object) -> Party:
    """Read a party from a list of pairs of a validated body; nothing where there is none."""
    if not isinstance(pairs, list) or not pairs:
        return ()
    try:
        return party([(each["key"], each["value"]) for each in pairs], await api.country(call))
    except PartyError as error:
        raise invalid(name, "formatError", str(error)) from None
