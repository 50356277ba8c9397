"""What a corridor requires to be known of who sends, who receives and why; it names what is missing, never a value."""

from collections.abc import Mapping
from typing import Any

from hub.core.command import Reason
from hub.core.pricing.rules import Corridor
from hub.core.terms import international
from hub.core.use import RefusedError


def check_corridor(corridor: Corridor, details: Mapping[str, Any], kyc: Mapping[str, Any]) -> None:
    """Refuse what the corridor does not carry; raises RefusedError whose `field` is what to send."""
    origin = str(international(details).get("originCountry") or "")
    if corridor.origin_countries and origin not in corridor.origin_countries:
        raise RefusedError(Reason.ORIGIN_FORBIDDEN, f"from {origin or 'nowhere'}")
    # What was sealed away and what was not stand side by side in the caller's request.
    both = {**details, **kyc}
    told = {**international(details), **_object(kyc.get("internationalTransferInformation"))}
    both["internationalTransferInformation"] = told
    for wanted in corridor.requires:
        if not any(_given(both, path.strip().split(".")) for path in wanted.split("|")):
            raise RefusedError(Reason.KYC_MISSING, wanted, field=wanted)
    if corridor.id_types:
        allowed = {each.lower() for each in corridor.id_types}
        for side in ("senderKyc", "recipientKyc"):
            documents = _object(kyc.get(side)).get("idDocument")
            for each in documents if isinstance(documents, list) else []:
                kind = str(_object(each).get("idType") or "")
                if kind and kind.lower() not in allowed:
                    raise RefusedError(Reason.ID_DOCUMENT_FORBIDDEN, kind, field=f"{side}.idDocument.idType")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _given(value: Any, path: list[str]) -> bool:
    """Say whether something stands at the path; in a list, in any of its members."""
    if isinstance(value, list):
        return any(_given(each, path) for each in value)
    if not path:
        return value not in (None, "", {}, [])
    return isinstance(value, dict) and _given(value.get(path[0]), path[1:])
