"""What banks say: a pacs.002, a camt.053 and a camt.054 put together from parts, and the plain one of each."""

from typing import Final

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"


def document(message: str, content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NAMESPACE}{message}">{content}</Document>'.encode()


def report(status: str, *reasons: str, reference: str = "p1", more: str = "") -> str:
    why = "".join(f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" for reason in reasons)
    named = f"<OrgnlEndToEndId>{reference}</OrgnlEndToEndId>" if reference else ""
    return f"<TxInfAndSts>{named}<TxSts>{status}</TxSts>{why}{more}</TxInfAndSts>"


def group(status: str = "", more: str = "", name: str = "pacs.009.001.08", reason: str = "") -> str:
    said = f"<GrpSts>{status}</GrpSts>" if status else ""
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    return (
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>order1</OrgnlMsgId><OrgnlMsgNmId>{name}</OrgnlMsgNmId>"
        f"{more.partition('|')[0]}{said}{why}{more.partition('|')[2]}</OrgnlGrpInfAndSts>"
    )


def pacs002(*parts: str) -> bytes:
    header = "<GrpHdr><MsgId>b1</MsgId><CreDtTm>2026-01-01T12:00:00Z</CreDtTm></GrpHdr>"
    return document("pacs.002.001.10", f"<FIToFIPmtStsRpt>{header}{''.join(parts)}</FIToFIPmtStsRpt>")


def balance(code: str, amount: str, side: str = "CRDT", currency: str = "ZMW") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-01-01</Dt></Dt></Bal>"
    )


BALANCES: Final = balance("OPBD", "100.00") + balance("CLBD", "105.00")


def details(amount: str = "", reference: str = "p1", more: str = "", currency: str = "ZMW", side: str = "") -> str:
    money = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount else ""
    which = f"<CdtDbtInd>{side}</CdtDbtInd>" if side else ""
    return f"<TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs>{money}{which}{more}</TxDtls>"


def booking(
    inside: str | None = None,
    *,
    amount: str = "5.00",
    side: str = "CRDT",
    status: str = "BOOK",
    currency: str = "ZMW",
    day: str = "2026-01-01",
    more: str = "",
) -> str:
    when = f"<BookgDt><Dt>{day}</Dt></BookgDt>" if day else ""
    inner = details() if inside is None else inside
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}<Sts><Cd>{status}</Cd></Sts>'
        f"{when}<AcctSvcrRef>bank-7</AcctSvcrRef><BkTxCd><Prtry><Cd>x</Cd></Prtry></BkTxCd>"
        f"<NtryDtls>{inner}</NtryDtls></Ntry>"
    )


def camt(item: str, root: str, message: str, parts: tuple[str, ...], currency: str) -> bytes:
    return document(
        message,
        f"<{root}><GrpHdr><MsgId>b1</MsgId><CreDtTm>2026-01-01T12:00:00Z</CreDtTm></GrpHdr><{item}><Id>st1</Id>"
        f"<Acct><Id><Othr><Id>settle-1</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>{''.join(parts)}</{item}></{root}>",
    )


def camt053(*parts: str, currency: str = "ZMW") -> bytes:
    return camt("Stmt", "BkToCstmrStmt", "camt.053.001.08", parts or (BALANCES, booking()), currency)


def camt054(*parts: str, currency: str = "ZMW") -> bytes:
    return camt("Ntfctn", "BkToCstmrDbtCdtNtfctn", "camt.054.001.08", parts or (booking(),), currency)


CSV: Final = (
    "record,statement,account,reference,bank_reference,direction,amount,currency,status,reason,booked_on,count\r\n"
    "opening,st1,settle-1,,,debit,10.00,ZMW,,,,\r\n"
    "entry,st1,settle-1,p1,bank-7,credit,15.00,ZMW,booked,,2026-01-01,\r\n"
    "entry,st1,settle-1,p2,,debit,7.00,ZMW,refused,AC04,,\r\n"
    "entry,st1,settle-1,p3,,debit,7.00,ZMW,pending,,,\r\n"
    "entry,st1,settle-1,p4,,debit,7.00,ZMW,odd,,,\r\n"
    "closing,st1,settle-1,,,credit,5.00,ZMW,,,,\r\n"
    "trailer,,,,,,36.00,ZMW,,,,4\r\n"
)
