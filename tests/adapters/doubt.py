"""Doubt: noise, changed words and cut bodies, none of which may become an outcome."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

import msgspec
from lxml import etree

from adapters.contract import (
    Outcome,
    Response,
    UnreadableError,
    Verdict,
)
from routing.money import Money
from tests.adapters.cases import Case, Folder, heard, read

HTML = b"<!DOCTYPE html><html><body><h1>Sorry</h1></body></html>"
NOISE = {
    "500": Response(status=500),
    "502 of a proxy": Response(status=502, headers={"content-type": "text/html"}, body=HTML),
    "503": Response(status=503, headers={"retry-after": "5"}),
    "504": Response(status=504, body=b"upstream request timeout"),
    "429": Response(status=429, body=b"Too Many Requests"),
    "302 to a login page": Response(status=302, headers={"location": "https://provider.example/login"}),
    "204": Response(status=204),
    "empty 200": Response(status=200),
    "empty object": Response(status=200, body=b"{}"),
    "empty array": Response(status=200, body=b"[]"),
    "null": Response(status=200, body=b"null"),
    "a text": Response(status=200, body=b'"completed"'),
    "HTML with 200": Response(status=200, body=HTML),
    "empty XML": Response(status=200, body=b"<Document/>"),
    "no UTF-8": Response(status=200, body=b"\xff\xfe\x00{\x80"),
    "nested deep": Response(status=200, body=b'{"a":' * 5000),
    "objects where texts belong": Response(status=200, body=b'{"status":{},"id":[],"link":{},"errorCode":{}}'),
    "HTML with 400": Response(status=400, body=HTML),
    "HTML with 404": Response(status=404, body=HTML),
    "empty 401": Response(status=401),
    "empty 403": Response(status=403),
    "empty 404": Response(status=404),
    "empty object with 400": Response(status=400, body=b"{}"),
}


LISTS = frozenset({"billcompanies", "bills", "billpayments", "authorisationcodes"})


def is_word(case: Case, noise: str) -> bool:
    """Say whether noise is an explicit word in its place: 204 says that a change was made, [] that a list is empty."""
    errand = case.given.errand
    changes = case.kind == "execute" and errand is not None and errand.change
    lists = case.kind == "consult" and case.question.get("kind") in LISTS
    return (noise == "204" and changes) or (noise == "empty array" and lists)


def noisy(case: Case, noise: Response) -> Iterator[Iterable[Response]]:
    """The conversation of a case, noise from one answer on, for each of its answers."""
    for index in range(len(case.exchange)):
        yield chain(case.responses[:index], repeat(noise))


def decided(folder: Folder) -> Iterator[tuple[str, Case, bytes, Callable[[bytes], Outcome | None]]]:
    """Cases with an outcome, the body that decides it, and a way to read another body in its place."""
    for name, case in folder.cases.items():
        if case.verdict not in {"accepted", "refused"}:
            continue
        if case.kind != "heard" and not case.responses[-1].body:
            continue  # a status alone decides: there is no word to change
        if case.kind == "heard":
            yield name, case, case.callback.body, lambda body, case=case: heard(folder, case, body)  # type: ignore[misc]
        else:
            *before, last = case.responses
            yield (
                name,
                case,
                last.body,
                lambda body, case=case, before=before, last=last: read(  # type: ignore[misc]
                    folder, case, [*before, msgspec.structs.replace(last, body=body)]
                ),
            )


def verdict_of(read_: Callable[[bytes], Outcome | None], body: bytes) -> Verdict | None:
    try:
        outcome = read_(body)
    except UnreadableError:
        return Verdict.UNKNOWN
    return outcome.verdict if outcome else None


def words_in(body: bytes) -> set[str]:
    """The values of a JSON or XML document."""
    if body.startswith(b"<"):
        texts = ((element.text or "").strip() for element in etree.fromstring(body).iter() if not len(element))
        return {text for text in texts if text}

    def values(value: Any) -> Iterator[str]:
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                yield from values(each)
        elif value is not None:
            yield str(value)

    return set(values(json.loads(body, parse_float=str)))


def with_word(body: bytes, old: str, new: str) -> bytes:
    """The document with one value changed wherever it stands as a whole value."""
    pattern = rb"(?<=[>\"\s:])" + re.escape(old.encode()) + rb"(?=[<\"\s,}\]])"
    changed = re.sub(pattern, new.encode(), body)
    assert changed != body, f"{old!r} is not found to be changed"
    return changed


def identity(case: Case) -> set[str]:
    """The names that we gave the operation."""
    return {case.given.transfer, case.given.reference, case.given.reference.replace("-", "")}


def flips(folder: Folder) -> list[str]:
    """Where another word, or a shorter body, makes another outcome or fails to make doubt."""
    found = []
    for name, case, body, read_ in decided(folder):
        ours = Verdict(case.verdict)
        verdicts = {word: verdict_of(read_, with_word(body, word, "zz9")) for word in words_in(body)}
        found += [f"{name}: {word}" for word, verdict in verdicts.items() if verdict not in {ours, Verdict.UNKNOWN}]
        given = {*identity(case), *case.outcome.get("money", "").split()}
        if Verdict.UNKNOWN not in {verdict for word, verdict in verdicts.items() if word not in given}:
            found.append(f"{name}: no word of the provider's own matters")
        found += [
            f"{name}: believed about another operation"
            for word in identity(case) & verdicts.keys()
            if verdicts[word] is not Verdict.UNKNOWN
        ]
        if (code := str(case.outcome.get("code", ""))) in verdicts and verdicts[code] is not Verdict.UNKNOWN:
            found.append(f"{name}: an unknown code is {verdicts[code]}")
        cuts = {len(body) * tenth // 10 for tenth in range(10)} | {len(body) - 1}
        found += [f"{name}: cut at {cut}" for cut in cuts if verdict_of(read_, body[:cut]) is not Verdict.UNKNOWN]
    return found


def is_amount(word: str, money: Money) -> bool:
    """Say whether a word of a document is this amount."""
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", word) is not None and Decimal(word) == Decimal(str(money))
