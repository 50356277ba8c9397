"""A message of ISO 20022 under one hand: hostile XML is refused before anything is read, and nothing is read twice.

No DTD, no entities, no network, limits; a part that stands twice where it may stand once, or has something inside it
where there should be only a text, is refused: two readers could take it for two things.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from lxml import etree

from hub.files.shapes import LIMITS, Direction, FileRefusedError, Limits
from hub.files.wording import day_in, instant_in
from hub.files.xml import namespace_of
from routing.money import Money, MoneyError

_DECIMAL: Final = re.compile(r"\+?(?:[0-9]{1,18}(?:\.[0-9]{0,17})?|\.[0-9]{1,17})")
_TEXT_MAX: Final = 500
_SIDES: Final = {"CRDT": Direction.CREDIT, "DBIT": Direction.DEBIT}
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Node:
    """One element, and where it is."""

    __slots__ = ("_namespace", "element", "where")

    def __init__(self, element: etree._Element, where: str, namespace: str) -> None:
        """Keep the element and its name for people."""
        self.element, self.where, self._namespace = element, where, namespace

    def refused(self, problem: str, remedy: str) -> FileRefusedError:
        """Return the error about this element."""
        return FileRefusedError(f"{self.where} (line {self.element.sourceline})", problem, remedy)

    def many(self, name: str) -> list["Node"]:
        """Return the children of a name, in order."""
        found = self.element.findall(f"{{{self._namespace}}}{name}")
        numbered = (f" {number}" if len(found) > 1 else "" for number in range(1, len(found) + 1))
        return [
            Node(each, f"{self.where}/{name}{number}", self._namespace)
            for each, number in zip(found, numbered, strict=True)
        ]

    def one(self, path: str) -> "Node | None":
        """Return what a path of names leads to, if anything; raises FileRefusedError where it leads to several."""
        here = self
        for name in path.split("/"):
            found = here.many(name)
            if len(found) > 1:
                raise here.refused(f"{len(found)} elements {name}", "Write it once: which one counts is not guessed")
            if not found:
                return None
            here = found[0]
        return here

    def need(self, path: str) -> "Node":
        """Return what a path leads to; raises FileRefusedError where it leads to nothing."""
        found = self.one(path)
        if found is None:
            raise self.refused(f"there is no {path}", "Send the message with it")
        return found

    def text(self, path: str = "") -> str:
        """Return the text at a path, stripped; '' where there is none."""
        found = self.one(path) if path else self
        if found is None:
            return ""
        if len(found.element):
            raise found.refused("it holds more than a text", "Write only a text in it, without comments")
        text = (found.element.text or "").strip()
        if len(text) > _TEXT_MAX:
            raise found.refused("its text is too long", f"Write at most {_TEXT_MAX} characters")
        return text

    def first(self, *paths: str) -> str:
        """Return the first text there is."""
        return next((text for path in paths if (text := self.text(path))), "")

    def money(self, path: str) -> Money | None:
        """Read an amount and its currency, if there is one."""
        found = self.one(path)
        return None if found is None else found.amount(found.element.get("Ccy", ""))

    def amount(self, currency: str) -> Money:
        """Read this element's text as an amount: an xs:decimal, in which zeros and a plus sign may stand."""
        text = self.text()
        try:
            return Money.parse(_without_zeros(text) if _DECIMAL.fullmatch(text) else text, currency)
        except MoneyError as error:
            raise self.refused(
                f"{text!r} {currency!r}: {error}", "Write an amount without a sign in a currency of ISO 4217"
            ) from error

    def count(self, path: str) -> int | None:
        """Read a number of things, if there is one."""
        text = self.text(path)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise self.refused(f"{path} {text!r} is no number", "Write digits only")
        return int(text)

    def direction(self, path: str = "CdtDbtInd") -> Direction | None:
        """Read which way money moves, if it is said."""
        text = self.text(path)
        if text and text not in _SIDES:
            raise self.refused(f"{path} {text!r}", "Write CRDT or DBIT")
        return _SIDES.get(text)

    def yes(self, path: str, *, silent: bool) -> bool:
        """Read a yes or no; `silent` is what it means to say nothing."""
        text = self.text(path)
        if text and text not in _BOOLEANS:
            raise self.refused(f"{path} {text!r}", "Write true or false")
        return _BOOLEANS.get(text, silent)

    def at(self, path: str) -> tuple[date | None, int | None]:
        """Read a day or a time, if there is one: the day, and Unix milliseconds where there is a time with a zone."""
        found = self.one(path)
        if found is None:
            return None, None
        try:
            if day := found.text("Dt"):
                return day_in(day), None
            return instant_in(found.text("DtTm"))
        except ValueError as error:
            raise found.refused(str(error), "Write a Dt or a DtTm by ISO 8601") from error


def _without_zeros(text: str) -> str:
    whole, _, decimals = text.removeprefix("+").partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def message_in(content: bytes, roots: dict[str, str], limits: Limits = LIMITS) -> tuple[str, Node]:
    """Return the message's name and its root; `roots` has the root of each that is read. Raises FileRefusedError."""
    document = _document(_parsed(content, limits))
    names = {namespace_of(message): message for message in roots}
    tag = etree.QName(document)
    message = names.get(tag.namespace or "")
    if message is None:
        raise FileRefusedError(
            "Document", f"it is of {tag.namespace or 'no namespace'!r}", f"Send one of {', '.join(sorted(roots))}"
        )
    node = Node(document, "Document", tag.namespace or "")
    return message, node.need(roots[message])


def _parsed(content: bytes, limits: Limits) -> etree._Element:
    if len(content) > limits.xml_bytes:
        raise FileRefusedError("the file", f"it is over {limits.xml_bytes} bytes", "Split it")
    remedy = "Send well-formed XML without a document type"
    if b"<!DOCTYPE" in content:
        raise FileRefusedError("the file", "it has a document type", remedy)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise FileRefusedError("the file", f"it is no XML: {error}", remedy) from error
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding in which it was not seen above
        raise FileRefusedError("the file", "it has a document type", remedy)
    return root


def _document(root: etree._Element) -> etree._Element:
    """Return the one Document: the root, or below a business header's envelope."""
    found = list(_documents(root))
    if len(found) != 1:
        raise FileRefusedError("the file", f"it has {len(found)} elements Document", "Send one message in a file")
    return found[0]


def _documents(root: etree._Element) -> Iterator[etree._Element]:
    return root.iter("{*}Document")
