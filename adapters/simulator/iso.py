"""A simulated bank's ISO 20022 messages: pacs.008 and pacs.028 in, pacs.002 out; it resolves no entity of a document.

The document's root says what it is; the path does not matter. Elements are found by their local names, so every
version of the messages is understood; the answers are of version 10, the one that instant schemes use.
"""

import secrets
import time
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

import msgspec
from aiohttp import hdrs, web
from lxml import etree

from adapters.simulator.callbacks import Callback
from adapters.simulator.order import Direction, Entry, Order
from adapters.simulator.provider import Provider
from adapters.simulator.rules import Refusal
from routing.money import Money, MoneyError

REASONS: Final = {
    Refusal.NO_FUNDS: "AM04",
    Refusal.OVER_LIMIT: "AM14",
    Refusal.NOT_FOUND: "AC01",
    Refusal.BLOCKED: "AC06",
    Refusal.DECLINED: "MS02",
}
UNKNOWN_ORIGINAL: Final = "AG09"
DUPLICATE: Final = "AM05"
UNSPECIFIED: Final = "MS03"
_XML: Final[dict[str, str]] = {str(hdrs.CONTENT_TYPE): "application/xml; charset=utf-8"}
_REPORT: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
    "<GrpHdr><MsgId>{message}</MsgId><CreDtTm>{now}</CreDtTm></GrpHdr>"
    "<TxInfAndSts>{original}<TxSts>{status}</TxSts>{reason}{money}</TxInfAndSts></FIToFIPmtStsRpt></Document>"
)
# Where a creditor's account is found, the surest first, and the account identifier of the hub's words.
_ACCOUNTS: Final = (
    ("CdtrAcct/{*}Id/{*}IBAN", "iban"),
    ("CdtrAcct/{*}Prxy/{*}Id", "msisdn"),
    ("CdtrAcct/{*}Id/{*}Othr/{*}Id", "accountid"),
)


class Iso:
    """The dialect of one bank."""

    def __init__(self, provider: Provider) -> None:
        """Speak for a bank."""
        self._provider = provider

    async def answer(self, request: web.Request, tail: str) -> web.StreamResponse:  # noqa: ARG002 - see above
        """Answer a document; 400 for what is none of ours."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            root = etree.fromstring(await request.read(), parser)
            if root.find(".//{*}FIToFIPmtStsReq") is not None:
                return self._asked(root)
            if root.find(".//{*}FIToFICstmrCdtTrf") is not None:
                order = _order(root, request.headers.get("X-Callback-URL", ""))
                order = msgspec.structs.replace(order, account=self._provider.book.named([order.account]))
                return await self._provider.take(request, order, self)
        except (etree.XMLSyntaxError, MoneyError, LookupError):
            pass
        return web.Response(status=400)

    def _asked(self, root: etree._Element) -> web.Response:
        uetr = _text(root, "OrgnlUETR")
        entry = self._provider.book.by_reference.get(uetr)
        if entry is None:
            return _answered(_report(_original({"OrgnlUETR": uetr}), "RJCT", UNKNOWN_ORIGINAL))
        if self._provider.is_pending(entry):
            return _answered(_report(_original(entry.order.details), "PDNG"))
        return self.decided(entry, entry.order.money)

    def taken(self, entry: Entry) -> web.Response:  # noqa: ARG002 - an empty 202 names nothing
        """Say 202 and nothing else."""
        return web.Response(status=202)

    def decided(self, entry: Entry, money: Money) -> web.Response:
        """Say that it is settled, or why not."""
        return _answered(_decision(entry, money))

    def repeated(self, entry: Entry) -> web.Response:
        """Reject the second use of a UETR."""
        return _answered(_report(_original(entry.order.details), "RJCT", DUPLICATE))

    def callback(self, entry: Entry, money: Money) -> Callback:
        """Say the same as `decided`, later."""
        return Callback("POST", _XML, _decision(entry, money))


def _order(root: etree._Element, callback_url: str) -> Order:
    key, account = _creditor(root)
    amount = root.find(".//{*}IntrBkSttlmAmt")
    if amount is None:
        raise LookupError("IntrBkSttlmAmt")
    money = Money.parse((amount.text or "").strip(), amount.get("Ccy", ""))
    names = {"OrgnlInstrId": "InstrId", "OrgnlEndToEndId": "EndToEndId", "OrgnlTxId": "TxId", "OrgnlUETR": "UETR"}
    details = {theirs: _text(root, ours, "") for theirs, ours in names.items()}
    return Order(
        reference=_text(root, "UETR"),
        direction=Direction.CREDIT,
        account=f"{key}@{account}",
        money=money,
        business=details["OrgnlTxId"],
        callback_url=callback_url,
        details=details,
    )


def _creditor(root: etree._Element) -> tuple[str, str]:
    for path, key in _ACCOUNTS:
        value = root.findtext(f".//{{*}}{path}")
        if value:
            return key, value.strip()
    raise LookupError("CdtrAcct")


def _text(root: etree._Element, name: str, default: str | None = None) -> str:
    """Return an element's text; raises LookupError where there is no default."""
    text = root.findtext(f".//{{*}}{name}", default)
    if text is None:
        raise LookupError(name)
    return text.strip()


def _decision(entry: Entry, money: Money) -> bytes:
    original = _original(entry.order.details)
    if entry.refusal is not None:
        return _report(original, "RJCT", REASONS.get(entry.refusal, UNSPECIFIED))
    amount = f'<IntrBkSttlmAmt Ccy="{money.currency}">{money}</IntrBkSttlmAmt>'
    return _report(original, "ACSC", money=f"<OrgnlTxRef>{amount}</OrgnlTxRef>")


def _original(details: dict[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in details.items() if value)


def _report(original: str, status: str, reason: str = "", money: str = "") -> bytes:
    now = datetime.fromtimestamp(time.time_ns() // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    filled = _REPORT.format(
        message=secrets.token_hex(16), now=now, original=original, status=status, reason=why, money=money
    )
    return filled.encode()


def _answered(document: bytes) -> web.Response:
    return web.Response(status=200, body=document, headers=_XML)
