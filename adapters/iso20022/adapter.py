"""Credit transfers to a bank in ISO 20022 messages; a status it cannot tie to its own message decides nothing."""

import re
from datetime import UTC, datetime
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]  # lxml-stubs leaves this module out

from adapters.contract import (
    Answer,
    Connection,
    Consultation,
    Context,
    Execution,
    FailureClass,
    Finding,
    Instruction,
    Login,
    Operation,
    Outcome,
    Question,
    Request,
    Said,
    Subject,
    UnreadableError,
    outcome_heard,
    outcome_of,
    unknown,
)
from adapters.iso20022.people import ID_MAX, TEXT_MAX, party, reporting, text_of
from adapters.iso20022.words import said_in, subject_in
from routing.party import Party

PACS_008: Final = "pacs.008.001.08"
PACS_028: Final = "pacs.028.001.03"

# Besides an IBAN, the GSMA identifiers that can stand for an account, the surest first.
_ACCOUNTS: Final = ("bankaccountno", "accountid", "msisdn")
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_OTHER_MAX: Final = 34
_DIGITS_MAX: Final = 11  # of a rate: BaseOneRate
_DECIMALS_MAX: Final = 10


class Adapter:
    """One connection to a bank."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def login(self, context: Context) -> Login:  # noqa: ARG002 - the contract's
        """Do nothing: the bank knows us by our certificate or an API key."""
        yield from ()
        return None

    def execute(self, instruction: Instruction, context: Context) -> Execution:
        """Send the pacs.008; None when the bank took it and will report later."""
        account = _account("CdtrAcct", instruction.payee)
        if instruction.operation is not Operation.CREDIT or account is None:
            # Nothing is sent. It stays unknown, as every silence does, until the bank says that it never saw it.
            return unknown(instruction, text="not sent: a bank is asked to credit, and an account it can be told")
        response = yield self._request("pacs008", self._credit_transfer(instruction, account), context)
        if response.status == 202 and not response.body:
            return None
        said = said_in(response, instruction)
        return None if said.failure is FailureClass.PENDING else outcome_of(instruction, **said._asdict())

    def inquire(self, instruction: Instruction, context: Context) -> Execution:
        """Send a pacs.028 about our pacs.008."""
        response = yield self._request("pacs028", _status_request(instruction, context), context)
        if response.status == 202 and not response.body:
            return unknown(instruction, FailureClass.PENDING)
        return outcome_of(instruction, **said_in(response, instruction, asked=True)._asdict())

    def consult(self, question: Question, context: Context) -> Consultation:  # noqa: ARG002 - the contract's
        """Say that questions are not passed on."""
        yield from ()
        return Answer(finding=Finding.UNSUPPORTED)

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read a pacs.002; without a signed address the document itself says what it is about."""
        subject = subject or subject_in(request)
        said = said_in(request, subject)
        if said == Said():
            raise UnreadableError("not a pacs.002 about this credit transfer")
        if said.failure is FailureClass.PENDING:
            return None
        return outcome_heard(subject, self._connection.name, **said._asdict())

    def _request(self, message: str, document: bytes, context: Context) -> Request:
        path = self._connection.settings.get(f"path_{message}", f"/{message[:4]}.{message[4:]}")
        headers = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml"}
        if key := self._connection.secrets.get("api_key"):
            headers["X-API-Key"] = key
        if context.callback_url:
            headers["X-Callback-URL"] = context.callback_url
        return Request(method="POST", path=path, headers=headers, body=document)

    def _credit_transfer(self, instruction: Instruction, account: etree._Element) -> bytes:
        """Build the pacs.008; the same instruction always gives the same bytes."""
        at = datetime.fromtimestamp(instruction.created_ms // 1000, UTC)
        details, bic, e = instruction.details, self._connection.settings.get("bic", ""), _P008
        debtor_account = _account("DbtrAcct", instruction.payer)
        remittance = text_of(instruction.description, TEXT_MAX)
        header = e.GrpHdr(
            e.MsgId(instruction.transfer), e.CreDtTm(_time(at)), e.NbOfTxs("1"), e.SttlmInf(e.SttlmMtd("CLRG"))
        )
        transaction = e.CdtTrfTxInf(
            e.PmtId(
                e.EndToEndId(instruction.transfer),
                e.TxId(_tx_id(instruction)),
                e.UETR(instruction.reference),
            ),
            e.IntrBkSttlmAmt(str(instruction.money), Ccy=instruction.money.currency),
            e.IntrBkSttlmDt(f"{at:%Y-%m-%d}"),
            e.AccptncDtTm(_time(at)),
            *_exchanged(instruction),
            e.ChrgBr("SLEV"),
            party(e, "Dbtr", details.get("senderKyc")),
            *([] if debtor_account is None else [debtor_account]),
            e.DbtrAgt(_agent(instruction.payer, instruction.payer_fsp)),
            e.CdtrAgt(_agent(instruction.payee, instruction.payee_fsp, bic)),
            party(e, "Cdtr", details.get("recipientKyc")),
            account,
            *([e.InstrForNxtAgt(e.InstrInf(f"/QUOT/{instruction.quote}"))] if instruction.quote else []),
            e.Purp(e.Prtry(text_of(instruction.type, ID_MAX) or "transfer")),
            *reporting(e, details.get("internationalTransferInformation")),
            *([e.RmtInf(e.Ustrd(remittance))] if remittance else []),
        )
        return _document(e, e.FIToFICstmrCdtTrf(header, transaction))


def _exchanged(instruction: Instruction) -> list[etree._Element]:
    """Say of money from abroad what was sent, and at which rate, as far as the message has digits for it."""
    sent, e = instruction.sent, _P008
    if sent is None:
        return []
    whole, _, decimals = instruction.rate.partition(".")
    decimals = decimals[: max(min(_DECIMALS_MAX, _DIGITS_MAX - len(whole)), 0)].rstrip("0")
    rate = f"{whole}.{decimals}" if decimals else whole
    fits = len(whole) <= _DIGITS_MAX and bool(rate.strip("0."))
    return [e.InstdAmt(str(sent), Ccy=sent.currency), *([e.XchgRate(rate)] if fits else [])]


def _status_request(instruction: Instruction, context: Context) -> bytes:
    e = _P028
    return _document(
        e,
        e.FIToFIPmtStsReq(
            e.GrpHdr(
                # Every question is another message: when it was decided to ask, and enough of the transfer's name.
                e.MsgId(f"{instruction.asked_ms:x}{instruction.transfer}"[:ID_MAX]),
                e.CreDtTm(_time(context.now)),
            ),
            e.OrgnlGrpInf(e.OrgnlMsgId(instruction.transfer), e.OrgnlMsgNmId(PACS_008)),
            e.TxInf(
                e.OrgnlEndToEndId(instruction.transfer),
                e.OrgnlTxId(_tx_id(instruction)),
                e.OrgnlUETR(instruction.reference),
            ),
        ),
    )


def _maker(message: str) -> ElementMaker:
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{message}"
    return ElementMaker(namespace=namespace, nsmap={None: namespace})


_P008: Final = _maker(PACS_008)
_P028: Final = _maker(PACS_028)


def _document(e: ElementMaker, content: etree._Element) -> bytes:
    return etree.tostring(e.Document(content), xml_declaration=True, encoding="UTF-8")


def _account(tag: str, party: Party) -> etree._Element | None:
    """Build an account; None where no identifier fits whole: a shortened one would be somebody else's."""
    e, named = _P008, {each.key: each.value for each in party}
    value = next((v for key in _ACCOUNTS if (v := named.get(key, "")) and v == text_of(v, _OTHER_MAX)), "")
    content = [e.Id(e.Othr(e.Id(value)))] if value else []
    if value and value == named.get("msisdn"):
        content.append(e.Prxy(e.Tp(e.Cd("TELE")), e.Id(value)))
    if "iban" in named:
        content = [e.Id(e.IBAN(named["iban"]))]
    account: etree._Element | None = e(tag, *content) if content else None
    return account


def _agent(party: Party, participant: str, bic: str = "") -> etree._Element:
    """Name the institution that holds the party's account: by BIC if there is one, else by its id at the hub."""
    own = next((each.value for each in party if each.key == "swiftbic"), bic)
    e = _P008
    name = e.BICFI(own) if _BIC.fullmatch(own) else e.Othr(e.Id(text_of(participant, ID_MAX)))
    agent: etree._Element = e.FinInstnId(name)
    return agent


def _tx_id(instruction: Instruction) -> str:
    return instruction.reference.replace("-", "")


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
