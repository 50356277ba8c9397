"""Who sends, who receives and why: taken out of a write and sealed at once; it must never be kept, sent or logged.

In clear it goes to the door alone, beside the command's body: corridors and the screening look at it, once. What is
kept and sent is the sealed text, which the adapter of whoever acts on the transfer opens. Answers do not repeat it.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hub.http.errors import ApiError, invalid
from routing.seal import SEALED_OBJECT_MAX, Seal, SealError

SIDES: Final = ("senderKyc", "recipientKyc")
INTERNATIONAL: Final = "internationalTransferInformation"
PURPOSES: Final = ("remittancePurpose", "relationshipSender")
# What no model knows keeps the spelling of its caller.
_SIDES: Final = {name.lower(): name for name in SIDES}
_PURPOSES: Final = {name.lower(): name for name in PURPOSES}


class Parted(NamedTuple):
    """What may be kept of an object, and what may not."""

    rest: dict[str, Any]
    kyc: dict[str, Any]


def parted(data: Mapping[str, Any]) -> Parted:
    """Take who sends, who receives and why out of what was sent."""
    rest, kyc = _split(data, _SIDES)
    told = rest.get(INTERNATIONAL)
    if isinstance(told, dict):
        rest[INTERNATIONAL], why = _split(told, _PURPOSES)
        kyc |= {INTERNATIONAL: why} if why else {}
    return Parted(rest, kyc)


def _split(data: Mapping[str, Any], names: Mapping[str, str]) -> Parted:
    found = Parted({}, {})
    for name, value in data.items():
        known = names.get(name.lower())
        if known is None:
            found.rest[name] = value
        elif value not in (None, "", {}, []):
            found.kyc[known] = value
    return found


def sealed(seal: Seal | None, kyc: Mapping[str, Any], name: str) -> str:
    """Seal it for the transfer, or the row of a batch, of this name; raises an ApiError where that cannot be done."""
    if not kyc:
        return ""
    if seal is None:
        words = "This hub is not set up to carry who sends and who receives."
        raise ApiError("businessRule", "genericError", words, parameters=[("property", next(iter(kyc)))])
    try:
        return seal.sealed_object(kyc, transfer=name)
    except SealError:
        words = f"Together these come to more than {SEALED_OBJECT_MAX} characters when they are sealed."
        raise invalid(next(iter(kyc)), "lengthError", words) from None
