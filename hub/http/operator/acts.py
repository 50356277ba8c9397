"""Acts: which deeds operators may do, by whom, and how their terms are read; a deed that is not listed cannot be done.

What needs two people is what `hub.core.deeds` lets a proposal contain. What one may do alone is listed here.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from hub.core.deeds import DEEDS
from hub.core.office.applying import ApplyScheme
from hub.core.office.files import ImportUnsigned
from hub.core.office.liquidity import Block
from hub.core.office.operators import roles_for
from hub.core.office.records import OperatorRole
from hub.core.office.resolving import Resolve
from hub.core.office.ruling import CloseCase
from hub.core.record import Deed
from hub.core.settlement.close import CloseWindow
from hub.http.ids import new_id
from hub.http.operator.forms import deed_of, form_of
from hub.http.operator.problems import ProblemError

# What one operator may do alone: it moves and releases no money.
ALONE: Final[tuple[type[Deed], ...]] = (CloseWindow, Block, CloseCase)
# What is read from a file, and so proposed where files are brought: its terms are never said by hand.
BROUGHT: Final[tuple[type[Deed], ...]] = (ImportUnsigned, ApplyScheme)
# What some of a deed's resolutions make, and others do not.
_MAKES_AT_TIMES: Final[Mapping[type[Deed], str]] = {Resolve: "fresh"}


class Act(NamedTuple):
    """A deed that operators may do."""

    kind: type[Deed]
    roles: frozenset[OperatorRole]  # any of them does it, or proposes it

    @property
    def name(self) -> str:
        """What it is called."""
        return self.kind.__name__

    @property
    def about(self) -> str:
        """What it does, in a sentence."""
        return (self.kind.__doc__ or "").partition("\n")[0]

    @property
    def makes(self) -> str:
        """What the id of that which it makes is called: the hub gives it. Empty: it makes nothing."""
        return self.kind.makes or _MAKES_AT_TIMES.get(self.kind, "")


@cache
def acts() -> Mapping[str, Act]:
    """Return every act by its name."""
    kinds = {each.__name__: each for each in (*DEEDS, *ALONE) if each not in BROUGHT}
    return {name: Act(kind, roles_for(kind)) for name, kind in sorted(kinds.items())}


def act_of(name: str, *, checked: bool) -> Act:
    """Return an act that is done in this way; raises a ProblemError that lists those that are."""
    possible = [each.name for each in acts().values() if each.kind.checked is checked]
    found = acts().get(name)
    if found is None:
        raise ProblemError("unknown_act", name[:64], possible=possible)
    if found.kind.checked is not checked:
        raise ProblemError("direct_act" if checked else "checked_act", name, possible=possible)
    return found


def ref_of(operator: str, key: str, what: str, terms: Any = None) -> str:
    """Return by what a deed that is said again is known; without a key, each is another."""
    if not key:
        return new_id()
    return sha256(msgspec.json.encode([operator, key, what, terms], order="deterministic")).hexdigest()[:32]


def proposal_of(ref: str) -> str:
    """Return the id of the proposal that is made under a reference: said again, it is the same one."""
    return sha256(f"proposal\n{ref}".encode()).hexdigest()[:32]


def deed_from(act: Act, terms: Any, *, by: str, ref: str) -> Deed:
    """Read a deed; raises a ProblemError. The id of what it makes follows from its `ref`: nobody gives one."""
    made = act.makes
    if made and isinstance(terms, dict):
        if made in terms:  # it could be that of something else, or name what is shown to others
            raise ProblemError("body_invalid", "the hub makes this id: leave it out", property_=f"terms.{made}")
        terms = {**terms, made: sha256(f"{ref}\n{made}".encode()).hexdigest()[:32]}
    return deed_of(act.kind, terms, by=by, ref=ref)


def terms_of(act: Act) -> type[msgspec.Struct]:
    """Return the type of an act's terms, as callers say them and the document shows it."""
    form = form_of(act.kind)
    if not act.makes:
        return form
    fields: list[Any] = [
        (each.name, each.type) if each.required else (each.name, each.type, each.default)
        for each in msgspec.structs.fields(form)
        if each.name != act.makes
    ]
    return msgspec.defstruct(
        form.__name__, fields, kw_only=True, forbid_unknown_fields=True, namespace={"__doc__": form.__doc__}
    )
