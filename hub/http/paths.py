"""Paths: the account that a path names, in either of the API's two forms; it looks nothing up."""

import re
from typing import Final

from hub.http.api import Api, Call
from hub.http.errors import invalid
from hub.http.reading import party_named
from routing.party import Party
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
    return party_named("accountId", pairs, await api.country(call))


def customer(account: Party) -> Party:
    """Leave out what only says which institution is meant; an institution by itself is its own customer."""
    return tuple(each for each in account if each.key not in INSTITUTION_KEYS) or account
