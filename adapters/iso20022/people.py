"""Who pays, who is paid and why, as a bank wants it of money from abroad; it must never make up what was not sent.

From GSMA's KYC objects to ISO 20022's party: name, address, birth, documents. What has no place there is left out.
"""

import re
from typing import Any, Final

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]  # lxml-stubs leaves this module out

UNNAMED: Final = "NOTPROVIDED"
TEXT_MAX: Final = 140
ID_MAX: Final = 35
_LINE_MAX: Final = 70
_LINES_MAX: Final = 3
_CODE_MAX: Final = 16
_ILLEGAL: Final = str.maketrans(dict.fromkeys([*range(0x20), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], " "))
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# GSMA's kinds of documents that have a code in ISO's external code set of personal identification; others by name.
_SCHEMES: Final = {
    "passport": "CCPT",
    "nationalidcard": "NIDN",
    "nationalregistration": "NIDN",
    "drivinglicence": "DRLC",
    "socialsecurity": "SOSE",
    "alienregistration": "ARNU",
    "taxid": "TXID",
    "employer": "EMPL",
}


def text_of(text: Any, longest: int) -> str:
    """Return what XML can carry of a text, in one line, at most `longest` characters of it."""
    words = text if isinstance(text, str) else ""
    return " ".join(words.translate(_ILLEGAL).split())[:longest].rstrip()


def party(e: ElementMaker, tag: str, kyc: Any) -> etree._Element:
    """Build a Dbtr or Cdtr of a KYC object; without one, a party whose name is not provided."""
    known = kyc if isinstance(kyc, dict) else {}
    address, identity = _address(e, known.get("postalAddress")), _identity(e, known)
    found: etree._Element = e(
        tag,
        e.Nm(_name(known.get("subjectName"))),
        *([] if address is None else [address]),
        *([] if identity is None else [identity]),
    )
    return found


def _name(name: Any) -> str:
    if not isinstance(name, dict):
        return UNNAMED
    parts = [name.get("fullName")] if name.get("fullName") else [name.get("firstName"), name.get("lastName")]
    return text_of(" ".join(part for part in parts if isinstance(part, str)), TEXT_MAX) or UNNAMED


def _address(e: ElementMaker, address: Any) -> etree._Element | None:
    if not isinstance(address, dict):
        return None
    lines = [text_of(address.get(f"addressLine{number}"), _LINE_MAX) for number in range(1, _LINES_MAX + 1)]
    country = address.get("country")
    parts = [
        *_part(e.PstCd, text_of(address.get("postalCode"), _CODE_MAX)),
        *_part(e.TwnNm, text_of(address.get("city"), ID_MAX)),
        *_part(e.CtrySubDvsn, text_of(address.get("stateProvince"), ID_MAX)),
        *_part(e.Ctry, _country(country)),
        *(e.AdrLine(line) for line in lines if line),
    ]
    return e.PstlAdr(*parts) if parts else None


def _identity(e: ElementMaker, kyc: dict[str, Any]) -> etree._Element | None:
    """Build birth and documents; a birth without its place has no form in ISO 20022."""
    date, country = str(kyc.get("dateOfBirth") or "")[:10], _country(kyc.get("birthCountry"))
    birth = []
    if _DATE.fullmatch(date) and country:
        birth = [e.DtAndPlcOfBirth(e.BirthDt(date), e.CityOfBirth(UNNAMED), e.CtryOfBirth(country))]
    documents = kyc.get("idDocument")
    others = [
        found
        for each in (documents if isinstance(documents, list) else [])
        if isinstance(each, dict) and (found := _document(e, each)) is not None
    ]
    return e.Id(e.PrvtId(*birth, *others)) if birth or others else None


def _document(e: ElementMaker, document: dict[str, Any]) -> etree._Element | None:
    """Build one document; None where its number does not fit whole: a shortened one would be somebody else's."""
    number, kind = document.get("idNumber"), str(document.get("idType") or "")
    if not isinstance(number, str) or not number or number != text_of(number, ID_MAX):
        return None
    code = _SCHEMES.get(kind.lower())
    scheme = e.Cd(code) if code else e.Prtry(text_of(kind, ID_MAX) or "other")
    issuer = text_of(document.get("issuer"), ID_MAX) or _country(document.get("issuerCountry"))
    found: etree._Element = e.Othr(e.Id(number), e.SchmeNm(scheme), *_part(e.Issr, issuer))
    return found


def _country(country: Any) -> str:
    return country if isinstance(country, str) and _COUNTRY.fullmatch(country) else ""


def _part(tag: Any, text: str) -> list[etree._Element]:
    return [tag(text)] if text else []


def reporting(e: ElementMaker, international: Any) -> list[etree._Element]:
    """Build the regulatory reporting: from where, why, and what binds the two."""
    told = international if isinstance(international, dict) else {}
    country = _country(told.get("originCountry"))
    why = [text_of(told.get(name), ID_MAX) for name in ("remittancePurpose", "relationshipSender")]
    if not any(why):
        return []
    return [e.RgltryRptg(e.Dtls(*_part(e.Ctry, country), *(e.Inf(text) for text in why if text)))]
