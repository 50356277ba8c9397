"""Every kind of record and deed there is, in one place: what the store keeps, and what a proposal may contain.

Records are locked in the order in which they are listed here.
"""

from typing import Any, Final

import msgspec

from hub.core.office.applying import ApplyScheme
from hub.core.office.disputes import AnswerFor
from hub.core.office.files import ImportUnsigned
from hub.core.office.funds import ConfirmFunds, MoveFunds, RefuseFunds
from hub.core.office.liquidity import SetCap, Unblock
from hub.core.office.operators import AdmitOperator, ChangeRoles, DisableOperator
from hub.core.office.proposal import Proposal
from hub.core.office.raising import RaiseFor
from hub.core.office.records import Alarm, Change, Difference, Dispute, File, Funds, Operator
from hub.core.office.resolving import Resolve
from hub.core.office.ruling import Rule
from hub.core.record import Deed, Record
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.settle import PayAgain, Release
from hub.core.settlement.window import Obligation, Payment, Window

RECORDS: Final[tuple[type[Record], ...]] = (
    Operator,
    Proposal,
    Funds,
    Window,
    Obligation,
    Payment,
    File,
    Difference,
    Dispute,
    Alarm,
    Change,
)

DEEDS: Final[tuple[type[Deed], ...]] = (
    Release,
    PayAgain,
    HandleDefault,
    MoveFunds,
    ConfirmFunds,
    RefuseFunds,
    SetCap,
    Unblock,
    AdmitOperator,
    ChangeRoles,
    DisableOperator,
    Rule,
    RaiseFor,
    AnswerFor,
    Resolve,
    ImportUnsigned,
    ApplyScheme,
)


def deed_in(terms: bytes) -> Deed:
    """Read a deed as a proposal keeps it; raises msgspec.DecodeError."""
    kinds: Any = {each.__name__: each for each in DEEDS}
    found: Deed = msgspec.json.decode(terms, type=kinds[msgspec.json.decode(terms)["type"]])
    return found
