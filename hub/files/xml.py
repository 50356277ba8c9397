"""The parts that settlement's ISO 20022 messages share: documents, institutions, accounts; never what is not true.

A name is cleaned and shortened to what the message can carry; an identifier that does not fit is refused.
"""

import re
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker  # type: ignore[import-not-found]  # lxml-stubs leaves this module out

from hub.files.shapes import BankAccount, Institution, UnwritableError
from hub.files.wording import one_line, plain, whole
from routing.money import Money

NAME_MAX: Final = 140
_OTHER_MAX: Final = 34
_CODE_MAX: Final = 5  # of a clearing system in ISO's code list
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_LEI: Final = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}")


def namespace_of(message: str) -> str:
    """Return the namespace of a message by its name."""
    return f"urn:iso:std:iso:20022:tech:xsd:{message}"


def maker(message: str) -> ElementMaker:
    """Return what makes a message's elements."""
    namespace = namespace_of(message)
    return ElementMaker(namespace=namespace, nsmap={None: namespace})


def document(e: ElementMaker, content: etree._Element) -> bytes:
    """Return a whole document; the same content always gives the same bytes."""
    return etree.tostring(e.Document(content), xml_declaration=True, encoding="UTF-8")


def amount(e: ElementMaker, tag: str, money: Money) -> etree._Element:
    """Build an amount: never with a sign."""
    found: etree._Element = e(tag, plain(money), Ccy=money.currency)
    return found


def institution(e: ElementMaker, tag: str, who: Institution) -> etree._Element:
    """Build an institution by its BIC, member number and LEI; without any of them, by its id at the hub."""
    names = [
        *([e.BICFI(_shaped(_BIC, who.bic, "the BIC", who))] if who.bic else []),
        *(
            [e.ClrSysMmbId(*_clearing_system(e, who), e.MmbId(whole(who.member, "the member number")))]
            if who.member
            else []
        ),
        *([e.LEI(_shaped(_LEI, who.lei, "the LEI", who))] if who.lei else []),
    ]
    name = one_line(who.name, NAME_MAX)
    found: etree._Element = e(
        tag,
        e.FinInstnId(
            *names,
            *([e.Nm(name)] if name else []),
            *([] if names else [e.Othr(e.Id(whole(who.id, "the participant's id")))]),
        ),
    )
    return found


def owner(e: ElementMaker, who: Institution) -> etree._Element:
    """Build the owner of an account, by name and by its id at the hub."""
    name = one_line(who.name, NAME_MAX)
    other = e.Othr(e.Id(whole(who.id, "the participant's id")))
    bic = [e.AnyBIC(_shaped(_BIC, who.bic, "the BIC", who))] if who.bic else []
    found: etree._Element = e.Ownr(*([e.Nm(name)] if name else []), e.Id(e.OrgId(*bic, other)))
    return found


def account(e: ElementMaker, account: BankAccount) -> etree._Element:
    """Build the `Id` of an account; raises UnwritableError where neither name of it is one."""
    if account.iban and not _IBAN.fullmatch(account.iban):
        raise UnwritableError("an IBAN is not of the form of one: correct the participant's account")
    name = e.IBAN(account.iban) if account.iban else e.Othr(e.Id(whole(account.other, "the account", _OTHER_MAX)))
    found: etree._Element = e.Id(name)
    return found


def _clearing_system(e: ElementMaker, who: Institution) -> list[etree._Element]:
    system = who.clearing_system
    if not system:
        return []
    known = len(system) <= _CODE_MAX
    return [e.ClrSysId(e.Cd(whole(system, "the clearing system")) if known else e.Prtry(whole(system, "it")))]


def _shaped(pattern: re.Pattern[str], text: str, what: str, who: Institution) -> str:
    if not pattern.fullmatch(text):
        raise UnwritableError(f"{what} {text!r} of {who.id!r} is not of the form of one: correct it in the scheme")
    return text
