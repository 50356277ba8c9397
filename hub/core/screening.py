"""Screening: are the parties of a transfer on a list; pure, and it must never say a party's name or full identifier.

It only says what is alike and why. What becomes of a transfer that is held is for an operator to say.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from routing.party import IDENTIFIER_KEYS, Identifier, Party, PartyError, masked, normalised

NAME: Final = "name"
EXACT_NAME: Final = "exactname"
ID_NUMBER: Final = "idnumber"
KINDS: Final = frozenset({NAME, EXACT_NAME, ID_NUMBER}) | IDENTIFIER_KEYS
TEXT_MAX: Final = 256  # of a value, a reference and the name of a list
HITS_SAID_MAX: Final = 5

_SIDES: Final = ("senderKyc", "recipientKyc")
_PARTS: Final = ("firstName", "middleName", "lastName")  # a title names nobody

_WHOLE_MAX: Final = 10**40  # no document has a longer number, and Python refuses to write very long ones

# Within a name these join: O'Brien is OBrien, with whatever key the apostrophe was typed.
_APOSTROPHES: Final = frozenset("'`\u2018\u2019\u201b\u02bb\u02bc\u02bd\u02be\u02bf")
# Letters that Unicode does not take apart, though people leave the stroke or the hook out: Danish and Polish, and the
# African reference alphabet (Hausa, Ewe, Akan and others).
_PLAIN: Final = dict(zip("øłđðħıŧɓɗɖɛƒɣƙŋɔʋƴ", "olddhitbddefgknovy", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}


class ScreeningError(ValueError):
    """A list cannot be used, or nobody can say now who is on it; the message never repeats an entry's value."""


class Screened(msgspec.Struct, frozen=True, kw_only=True):
    """What is screened of one submission."""

    transfer: str
    caller: str
    names: tuple[str, ...] = ()  # as the KYC has them
    identifiers: tuple[Identifier, ...] = ()  # of payer and payee, and the numbers of their documents as ID_NUMBER

    def __repr__(self) -> str:  # so that no name gets into a log by accident
        return f"Screened({self.transfer}, {len(self.names)} names, {len(self.identifiers)} identifiers)"


class Screening(Protocol):
    """Says who is on a list: a file here, or somebody's service."""

    async def hits(self, submissions: Sequence[Screened]) -> Mapping[str, str]:
        """Map those transfers whose parties are on a list to why, in an operator's words.

        The words name the list and the entry's own reference, and mask identifiers. Raises ScreeningError when it
        cannot say: then none of the submissions is screened.
        """
        ...


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a list, ready to be compared; made by `entry`."""

    kind: str
    tokens: frozenset[str] = frozenset()  # of a name
    identifier: Identifier | None = None  # of everything else
    reference: str
    origin: str  # the name of the list


def screened(transfer: str, caller: str, payer: Party, payee: Party, kyc: Mapping[str, Any]) -> Screened:
    """Collect what is screened: the parties' identifiers, and names and document numbers of both sides' KYC.

    `kyc` has GSMA's `senderKyc` and `recipientKyc`, either or none. Where several forms of a name are given (the full
    one, its parts, the native one), each is a name of its own. Whatever is not of GSMA's shape is passed over.
    """
    sides = [side for name in _SIDES for side in _objects(_get(kyc, name))]
    names = [name for side in sides for subject in _objects(side.get("subjectName")) for name in _names(subject)]
    documents = [_text(each.get("idNumber")) for side in sides for each in _objects(side.get("idDocument"))]
    numbers = [Identifier(ID_NUMBER, number) for each in documents if (number := _number(each))]
    return Screened(
        transfer=transfer,
        caller=caller,
        names=tuple(dict.fromkeys(names)),
        identifiers=tuple(dict.fromkeys((*payer, *payee, *numbers))),
    )


def entry(kind: str, value: str, reference: str, origin: str) -> Entry:
    """Make an entry of the list `origin`; raises ScreeningError that says what to do, without the value."""
    key = kind.strip().lower()
    if key not in KINDS:
        raise ScreeningError(f"{kind[:32]!r} is no kind of entry; there are {', '.join(sorted(KINDS))}")
    for what, text in (("value", value), ("reference", reference), ("list", origin)):
        if not text.strip() or len(text) > TEXT_MAX:
            raise ScreeningError(f"the {what} must have 1 to {TEXT_MAX} characters")
    words = tokens(value) if key in {NAME, EXACT_NAME} else frozenset()
    identifier = None if key in {NAME, EXACT_NAME} else _identifier(key, value)
    if identifier is None and not words:
        raise ScreeningError("the name has neither letters nor digits")
    if key == NAME and len(words) == 1:
        raise ScreeningError(
            f"a name of one word would hold everyone who shares it: write the whole name, or use {EXACT_NAME}"
        )
    return Entry(kind=key, tokens=words, identifier=identifier, reference=reference.strip(), origin=origin.strip())


class NameList:
    """Entries, compiled so that a submission is compared with those alone that it may be like.

    A name is compared as a set of words. Its words are what is left between blanks and punctuation after Unicode's
    compatibility decomposition (NFKD), without accents and other marks, in lower case; apostrophes and invisible
    characters join what they stand in, strokes and hooks go (Ø is o, Ɗ is d), digits of any script are those of ASCII.

    - `name`: found when every word of the entry is among the words of one name. More words in the name, another
      order, repeated words make no difference. At least two different words.
    - `exactname`: found when the words of the name are those of the entry, no more and no less. One word will do.
    - `idnumber`: found when a document of either side has this number, whatever its type and the country that issued
      it; letters and digits count, neither case nor separators.
    - every other kind, a GSMA account identifier: found when payer or payee is named by this very key and, after the
      normalisation of parties (E.164, IBAN), this very value.

    So it finds nothing by likeness: no other spelling, no transliteration or look-alike of another script, no initial
    or short form, no name written with its words joined or split (Al-Badr is two words, Albadr is one), no name that
    lacks a word which the entry has. Each spelling that matters is an entry. Nor does it compare dates of birth,
    nationalities, addresses, employers, or telephone numbers and e-mail addresses within the KYC; nor one key
    with another, such as a bankaccountno with the IBAN that contains it.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Index names by the rarest of their words, so that common ones cost nothing."""
        self._by_word: dict[str, list[Entry]] = {}
        self._by_name: dict[frozenset[str], list[Entry]] = {}
        self._by_identifier: dict[Identifier, list[Entry]] = {}
        all_ = list(entries)
        self._count = len(all_)
        often = Counter(word for each in all_ if each.kind == NAME for word in each.tokens)
        for each in all_:
            if each.identifier is not None:
                self._by_identifier.setdefault(each.identifier, []).append(each)
            elif each.kind == EXACT_NAME:
                self._by_name.setdefault(each.tokens, []).append(each)
            else:
                rarest = min(each.tokens, key=lambda word: (often[word], word))
                self._by_word.setdefault(rarest, []).append(each)

    def __len__(self) -> int:
        return self._count

    def hit(self, submission: Screened) -> str:
        """Say why these parties are to be looked at, a handful of entries at most; empty when none is on the list."""
        said = list(dict.fromkeys(self._said(submission)))
        more = len(said) - HITS_SAID_MAX
        return "; ".join(said[:HITS_SAID_MAX]) + (f"; and {more} more" if more > 0 else "")

    def _said(self, submission: Screened) -> Iterator[str]:
        for identifier in submission.identifiers:
            for each in self._by_identifier.get(identifier, ()):
                yield f"{masked(identifier)} is {each.reference} of {each.origin}"
        for name in submission.names:
            words = tokens(name)
            found = [each for word in words for each in self._by_word.get(word, ()) if each.tokens <= words]
            found += self._by_name.get(words, ())
            # The order of words in a set differs from process to process; what an operator reads must not.
            for each in sorted(found, key=lambda each: (each.origin, each.reference)):
                yield f"a name is {each.reference} of {each.origin}"


def tokens(name: str) -> frozenset[str]:
    """Take a name apart into the words that are compared; NameList says how."""
    return frozenset(_folded(name).split())


def _folded(text: str) -> str:
    # The acute accent on its own is typed for an apostrophe, but decomposes into a blank.
    decomposed = unicodedata.normalize("NFKD", text.replace("\u00b4", "'"))
    return "".join(map(_kept, unicodedata.normalize("NFKD", decomposed.casefold())))


@lru_cache(4096)
def _kept(character: str) -> str:
    """Say what remains of one decomposed character in lower case: itself, nothing, or a blank between words."""
    if character in _PLAIN:
        return _PLAIN[character]
    category = unicodedata.category(character)
    if category in {"Mn", "Me", "Cf"} or character in _APOSTROPHES:
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    # Spacing marks are the vowels of several scripts: a part of the word.
    return character if category == "Mc" or character.isalnum() else " "


def _identifier(key: str, value: str) -> Identifier:
    if key == ID_NUMBER:
        if not (number := _number(value)):
            raise ScreeningError("the number of a document has neither letters nor digits")
        return Identifier(key, number)
    try:
        return normalised(key, value)
    except PartyError as error:
        raise ScreeningError(str(error)) from error


def _number(text: str) -> str:
    return "".join(_folded(text).split()).upper()


def _names(subject: Mapping[str, Any]) -> Iterator[str]:
    parts = " ".join(filter(None, (_text(subject.get(part)) for part in _PARTS)))
    for name in (_text(subject.get("fullName")), parts, _text(subject.get("nativeName"))):
        if name:
            yield name


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the object, or those of a list, that are there; a list where one object belongs is no hiding place."""
    return [each for each in (value if isinstance(value, list | tuple) else [value]) if isinstance(each, Mapping)]


def _text(value: Any) -> str:
    """Read a text, or a whole number that was sent for one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < _WHOLE_MAX else ""
    return value.strip() if isinstance(value, str) else ""
