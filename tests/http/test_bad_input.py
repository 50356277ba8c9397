"""Every bad input there is, with the one answer it gets; whatever it is, the books stay as they were."""

import asyncio
import hashlib
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from tests.http.front import ALPHA, BODY_MAX, BRAVO, Front, payment

Error = tuple[int, str, str]

FORMAT: Final = (400, "validation", "formatError")
LENGTH: Final = (400, "validation", "lengthError")
MISSING: Final = (400, "validation", "mandatoryValueNotSupplied")
CURRENCY: Final = (400, "validation", "currencyNotSupported")
NOTHING: Final = (404, "identification", "identifierError")
TOO_SMALL: Final = (400, "businessRule", "lessThanTransactionMinValue")
TOO_LARGE: Final = (400, "businessRule", "greaterThanTransactionMaxValue")
STRANGER: Final = (401, "authorisation", "clientAuthorisationError")
NOT_ALLOWED: Final = (401, "authorisation", "requestingPartyAuthorisationError")

JSON: Final = {"Content-Type": "application/json"}
UNKNOWN: Final = "0" * 32
HERE: Final = [{"key": "msisdn", "value": ALPHA}]
ELSEWHERE: Final = [{"key": "msisdn", "value": "+27820000000"}]
TRANSFER: Final = "/transactions/type/transfer"


class Bad(NamedTuple):
    """One bad input and its answer."""

    what: str
    error: Error
    method: str = "POST"
    path: str = "/transactions"
    who: str = "alpha"
    body: Any = None  # bytes go as they are, anything else as JSON
    headers: dict[str, str] = {}
    property: str = ""  # which property the error names


def field(what: str, error: Error, property_: str = "", **changes: Any) -> Bad:
    return Bad(what, error, body=payment(**changes), property=property_)


def raw(what: str, content: bytes, error: Error = FORMAT) -> Bad:
    return Bad(what, error, body=content, headers=JSON)


def header(what: str, name: str, value: str, error: Error = FORMAT) -> Bad:
    return Bad(what, error, body=payment(), headers={name: value}, property=name if error == FORMAT else "")


def read(what: str, path: str, error: Error = NOTHING, method: str = "GET", **more: Any) -> Bad:
    return Bad(what, error, method, path, **more)


def nested(depth: int) -> bytes:
    """A good payment with lists nested so deep in it."""
    return msgspec.json.encode(payment(senderKyc={"unheardOf": "DEEP"})).replace(
        b'"DEEP"', b"[" * (depth - 2) + b"]" * (depth - 2)
    )


BODIES: Final = [
    raw("no body at all", b""),
    raw("malformed JSON", b'{"amount": "5"'),
    raw("JSON with something behind it", b"{}{}"),
    raw("a number that JSON does not have", b'{"amount": NaN}'),
    raw("bytes that are not UTF-8", b'{"amount": "\xff"}'),
    raw("half a character", b'{"amount": "\\ud800"}'),
    raw("U+0000 in a text", msgspec.json.encode(payment(descriptionText="a\0b"))),
    raw("lists nested 33 deep", nested(33)),
    raw("lists nested 300 deep", nested(300)),
    raw("lists nested 5000 deep", b"[" * 5000 + b"]" * 5000),
    raw("a body over the limit", b" " * (BODY_MAX + 1), LENGTH),
    Bad("a list as a body", FORMAT, body=[payment()], property="body"),
    Bad("null as a body", FORMAT, body=b"null", headers=JSON, property="body"),
    Bad("a text as a body", FORMAT, body="pay", property="body"),
    Bad("an empty object", MISSING, body={}),
    field("no amount", MISSING, "amount", amount=None),
    field("no currency", MISSING, "currency", currency=None),
    field("no type", MISSING, "type", type=None),
    field("no debit party where both are needed", MISSING, "debitParty", debitParty=None),
    field("no credit party where both are needed", MISSING, "creditParty", creditParty=None),
    field("both parties empty", MISSING, debitParty=[], creditParty=[]),
    Bad("no party at all by type", MISSING, path=TRANSFER, body={"amount": "5", "currency": "KES"}),
    field("an unknown type", FORMAT, "type", type="gift"),
    Bad("an unknown type in the path", (400, "businessRule", "transactionTypeError"), path="/transactions/type/gift"),
    field("amount as a number", FORMAT, "amount", amount=5),
    field("amount as a fraction", FORMAT, "amount", amount=5.5),
    field("amount as a list", FORMAT, "amount", amount=["5"]),
    field("debit party as a text", FORMAT, "debitParty", debitParty=ALPHA),
    field("debit party as an object", FORMAT, "debitParty", debitParty=HERE[0]),
    field("a party of texts", FORMAT, "creditParty.0", creditParty=[BRAVO]),
    field("a party without value", MISSING, "creditParty.0.value", creditParty=[{"key": "msisdn"}]),
    field("a party with a number", FORMAT, "creditParty.0.value", creditParty=[{"key": "msisdn", "value": 25473}]),
    field("a party with an unknown key", FORMAT, "creditParty", creditParty=[{"key": "shoesize", "value": "43"}]),
    field("a party with an empty value", LENGTH, "creditParty.0.value", creditParty=[{"key": "msisdn", "value": ""}]),
    field("a party with a blank value", FORMAT, "creditParty", creditParty=[{"key": "walletid", "value": " "}]),
    field("a value of 257", LENGTH, "creditParty.0.value", creditParty=[{"key": "walletid", "value": "B" * 257}]),
    field("a telephone number of letters", FORMAT, "creditParty", creditParty=[{"key": "msisdn", "value": "bravo"}]),
    field("an IBAN with a wrong check", FORMAT, "creditParty", creditParty=[{"key": "iban", "value": "GB00WEST1"}]),
    field("eleven identifiers", LENGTH, "debitParty", debitParty=HERE * 11),
    field("over what the ledger can hold", TOO_LARGE, "amount", amount="999999999999999999"),
    field("negative", (400, "validation", "negativeValue"), "amount", amount="-5"),
    field("more decimals than the currency has", FORMAT, "amount", amount="5.001"),
    field("a currency that does not exist", CURRENCY, "currency", currency="ABC"),
    field("a currency in small letters", CURRENCY, "currency", currency="kes"),
    field("gold", CURRENCY, "currency", currency="XAU"),
    field("a description of 161 characters", LENGTH, "descriptionText", descriptionText="x" * 161),
    field("a description that is a number", FORMAT, "descriptionText", descriptionText=5),
    field("metadata that is no list", FORMAT, "metadata", metadata={"key": "a"}),
    field("21 metadata", LENGTH, "metadata", metadata=[{"key": "a", "value": "b"}] * 21),
    field(
        "an unknown country of origin",
        FORMAT,
        "internationalTransferInformation.originCountry",
        internationalTransferInformation={"originCountry": "XX"},
    ),
    field(
        "no country of origin",
        MISSING,
        "internationalTransferInformation.originCountry",
        internationalTransferInformation={"receivingCountry": "KE"},
    ),
    field("an unknown nationality", FORMAT, "senderKyc.nationality", senderKyc={"nationality": "Kenyan"}),
    field("a country in small letters", FORMAT, "recipientKyc.nationality", recipientKyc={"nationality": "ke"}),
    field(
        "an unknown postal country",
        FORMAT,
        "senderKyc.postalAddress.country",
        senderKyc={"postalAddress": {"country": "QQ"}},
    ),
]

# The API's pattern, by what is wrong: see the vectors of the specification in tests/routing.
AMOUNTS: Final = [
    field(f"the amount {text!r}", LENGTH if not text else FORMAT, "amount", amount=text)
    for text in ("", " 5", "5 ", "5.", ".5", "00.5", "05", "+5", "5,50", "1e3", "0x5", "5.55555", "٥", "５", "five")  # noqa: RUF001
] + [field("an amount of 24 digits", LENGTH, "amount", amount="5" * 24)]

HEADERS: Final = [
    header("a correlation id that is no UUID", "X-CorrelationID", "42"),
    header("a correlation id without dashes", "X-CorrelationID", "a" * 32),
    header("a callback to a host that was not agreed", "X-Callback-URL", "http://example.org/"),
    header("a callback to a host that only looks agreed", "X-Callback-URL", "http://127.0.0.1.example.org/"),
    header("a callback to another way to write a host", "X-Callback-URL", "http://2130706433/"),
    header("a relative callback", "X-Callback-URL", "/callbacks"),
    header("a callback without scheme", "X-Callback-URL", "//127.0.0.1/callbacks"),
    header("a callback with credentials", "X-Callback-URL", "http://user:secret@127.0.0.1/"),
    header("a callback whose host is in its credentials", "X-Callback-URL", "http://127.0.0.1@example.org/"),
    header("a callback to a file", "X-Callback-URL", "file://127.0.0.1/etc/passwd"),
    header("a callback over ftp", "X-Callback-URL", "ftp://127.0.0.1/"),
    header("a callback to no port", "X-Callback-URL", "http://127.0.0.1:99999/"),
    header("a callback that is too long", "X-Callback-URL", "http://127.0.0.1/" + "a" * 2_048),
    header("a wrong content hash", "X-Content-Hash", hashlib.sha256(b"other").hexdigest()),
    header("a content hash in other letters", "X-Content-Hash", "é"),
    Bad(
        "an unknown type of institution",
        FORMAT,
        body=payment(),
        headers={
            "X-Account-Holding-Institution-Identifier": "bravo",
            "X-Account-Holding-Institution-Identifier-Type": "name",
        },
        property="X-Account-Holding-Institution-Identifier-Type",
    ),
    *(
        Bad(f"the content type {kind}", FORMAT, body=b"{}", headers={"Content-Type": kind}, property="Content-Type")
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "json")
    ),
]

NOBODYS: Final = [
    Bad(who, STRANGER, who=who, body=payment())
    for who in (
        "nobody",
        "basic alone",
        "key alone",
        "wrong secret",
        "unknown client",
        "wrong key",
        "wrong token",
        "token and wrong key",
        "expired token",
        "disabled",
        "basic that is not base64",
        "basic in other letters",
        "token in other letters",
    )
] + [
    Bad("a suspended participant", NOT_ALLOWED, who="dormant", body=payment()),
    Bad("a stranger asks for a path that is not there", STRANGER, "GET", "/nothing", "nobody"),
    Bad("a stranger uses a wrong method", STRANGER, "DELETE", "/transactions", "nobody"),
]

PATHS: Final = [
    read("a path that is not there", "/nothing"),
    read("a path outside the API", "//nothing"),
    read("a method that is not there", "/transactions", (405, "validation", "formatError"), "DELETE"),
    read("a method that is not there on a transaction", f"/transactions/{UNKNOWN}", (405, *FORMAT[1:]), "PUT"),
    read("POST to a transaction without override", f"/transactions/{UNKNOWN}", (405, *FORMAT[1:]), "POST", body={}),
    read("an unknown transaction", f"/transactions/{UNKNOWN}"),
    read("a transaction that is no id", "/transactions/..%2Fheartbeat"),
    read("a transaction with U+0000", "/transactions/%00"),
    read("a transaction in other bytes", "/transactions/%FF"),
    read("an unknown request state", f"/requeststates/{UNKNOWN}"),
    read("a request state that is no id", "/requeststates/1"),
    read("an unknown response", "/responses/00000000-0000-4000-8000-000000000000"),
    read("an empty response", "/responses/%20"),
    read("a response with U+0000", "/responses/%00"),
    read("an unknown error", f"/errors/{UNKNOWN}"),
    read("a reversal of nothing", f"/transactions/{UNKNOWN}/reversals", method="POST", body={"type": "reversal"}),
    *(
        read(f"a reversal of {text}", f"/transactions/{text}/reversals", method="POST", body={"type": "reversal"})
        for text in ("---", "%00", "x")
    ),
    *(
        read(f"a reversal with {what}", f"/transactions/{UNKNOWN}/reversals", error, "POST", body=body)
        for what, error, body in (
            ("no type", MISSING, {}),
            ("another type", FORMAT, {"type": "transfer"}),
            ("an amount without currency", MISSING, {"type": "reversal", "amount": "5"}),
            ("a bad amount", FORMAT, {"type": "reversal", "amount": "05", "currency": "KES"}),
        )
    ),
    *(
        read(f"a PATCH with {what}", f"/transactions/{UNKNOWN}", error, "PATCH", body=body)
        for what, error, body in (
            ("another path", FORMAT, [{"op": "replace", "path": "/amount", "value": "1"}]),
            ("another value", FORMAT, [{"op": "replace", "path": "/transactionStatus", "value": "pending"}]),
            ("another operation", FORMAT, [{"op": "remove", "path": "/transactionStatus", "value": "completed"}]),
            ("no value", MISSING, [{"op": "replace", "path": "/transactionStatus"}]),
            ("no operation", LENGTH, []),
            ("11 operations", LENGTH, [{"op": "replace", "path": "/transactionStatus", "value": "failed"}] * 11),
            ("an unknown id", NOTHING, [{"op": "replace", "path": "/transactionStatus", "value": "completed"}]),
        )
    ),
    read("an account of an unknown type", "/accounts/shoesize/43/status"),
    read("an account nobody holds", "/accounts/msisdn/+27820000000/status"),
    read("an account that is no telephone number", "/accounts/msisdn/bravo/accountname", FORMAT),
    read("an account with U+0000", "/accounts/walletid/B-%00/status", FORMAT),
    read("an account with U+0000 among pairs", "/accounts/walletid@B-%00/status", FORMAT),
    read("an account by four pairs", "/accounts/" + "$".join(["walletid@B-1"] * 4) + "/status", FORMAT),
    read("an account by a pair of an unknown type", "/accounts/shoesize@43/status", FORMAT),
    read("an account by a pair without value", "/accounts/walletid@B-1$walletid@/status", FORMAT),
    read(
        "an account at an unknown institution",
        f"/accounts/msisdn/{BRAVO}/status",
        headers={"X-Account-Holding-Institution-Identifier": "nobody"},
    ),
]


# What is well formed is accepted; what speaks against it arrives as the error of the request.
LATE: Final = [
    field("a debit party nobody holds", NOTHING, debitParty=ELSEWHERE),
    field("a credit party nobody holds", NOTHING, creditParty=ELSEWHERE),
    field("the same party twice", (400, "businessRule", "samePartiesError"), creditParty=HERE),
    field(
        "the same party in another spelling",
        (400, "businessRule", "samePartiesError"),
        creditParty=[{"key": "MSISDN", "value": "0700 111-222"}],
    ),
    field("zero", TOO_SMALL, amount="0"),
    field("under the scheme's minimum", TOO_SMALL, amount="0.99"),
    field("over the scheme's maximum", TOO_LARGE, amount="100000.01"),
    field("a currency of another scheme", CURRENCY, currency="USD"),
    header("an unknown institution", "X-Account-Holding-Institution-Identifier", "nobody", NOTHING),
    Bad(
        "an FSP that holds neither account",
        NOT_ALLOWED,
        who="bravo",
        body=payment(creditParty=[{"key": "msisdn", "value": "+254700999888"}]),
    ),
]


@pytest.mark.parametrize("bad", [*BODIES, *AMOUNTS, *HEADERS, *NOBODYS, *PATHS], ids=lambda bad: bad.what)
async def test_bad_input_is_named_and_changes_nothing(front: Front, bad: Bad) -> None:
    sent: dict[str, Any] = {"data": bad.body} if isinstance(bad.body, bytes) else {"json": bad.body}
    reply = await front.call(
        bad.method, bad.path, bad.who, headers=bad.headers, **(sent if bad.body is not None else {})
    )
    assert reply.error == bad.error, reply.body
    assert {"errorDescription", "errorDateTime"} <= set(reply.body)
    assert len(reply.body["errorDescription"]) <= 256
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    if bad.property:
        assert reply.parameters["property"] == bad.property
    assert (front.store.journals, front.store.transfers, front.store.requests) == ([], {}, {})


@pytest.mark.parametrize("bad", LATE, ids=lambda bad: bad.what)
async def test_what_the_schema_allows_fails_after_acceptance(front: Front, bad: Bad) -> None:
    taken = await front.call("POST", bad.path, bad.who, headers=bad.headers, json=bad.body)
    assert (taken.status, taken.body["status"]) == (202, "pending")
    state = await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}", bad.who)
    assert (state.status, state.body["status"]) == (200, "failed")
    assert (state.body["error"]["errorCategory"], state.body["error"]["errorCode"]) == bad.error[1:]
    viewed = await front.call("GET", f"/transactions/{taken.reference}", bad.who)
    assert viewed.body["transactionStatus"] == "failed"
    assert front.store.journals == []


async def test_what_is_deep_but_allowed_is_taken_and_shown(front: Front) -> None:
    taken = await front.call("POST", "/transactions", data=nested(32), headers=JSON)
    assert taken.status == 202, taken.body
    assert (await front.call("GET", f"/transactions/{taken.reference}")).status == 200


@pytest.mark.parametrize("path", ["/transactions/{transfer}", "/requeststates/{request}", "/responses/{correlation}"])
async def test_what_belongs_to_others_looks_like_nothing(front: Front, path: str) -> None:
    correlation = "5f6f1d0c-3a6b-4c53-9d38-0a4f5f1b2c3d"
    taken = await front.submit(correlation=correlation)
    where = path.format(transfer=taken.reference, request=taken.body["serverCorrelationId"], correlation=correlation)
    assert (await front.call("GET", where, "alpha")).status == 200
    theirs = await front.call("GET", where, "market")
    nothing = await front.call("GET", path.format_map(dict.fromkeys(("transfer", "request", "correlation"), UNKNOWN)))
    assert theirs.error == nothing.error == NOTHING
    assert theirs.body | {"errorDateTime": ""} == nothing.body | {"errorDateTime": ""}


async def test_others_can_neither_patch_nor_reverse(front: Front) -> None:
    transfer = await front.completed()
    entries, kept = list(front.store.journals), front.store.transfers[transfer]
    change = [{"op": "replace", "path": "/transactionStatus", "value": "failed"}]
    patched = await front.call("PATCH", f"/transactions/{transfer}", "market", json=change)
    reversed_ = await front.call("POST", f"/transactions/{transfer}/reversals", "market", json={"type": "reversal"})
    assert patched.error == reversed_.error == NOTHING
    assert (front.store.journals, front.store.transfers) == (entries, {transfer: kept})


@pytest.mark.parametrize(
    ("who", "form", "kind", "error"),
    [
        ("basic alone", b"grant_type=password", "application/x-www-form-urlencoded", (400, "unsupported_grant_type")),
        ("basic alone", b"", "application/x-www-form-urlencoded", (400, "unsupported_grant_type")),
        ("basic alone", b"\xff=\xff", "application/x-www-form-urlencoded", (400, "unsupported_grant_type")),
        ("basic alone", b"x", "multipart/form-data; boundary=x", (400, "unsupported_grant_type")),
        ("basic alone", b"x", "multipart/form-data", (400, "unsupported_grant_type")),
        ("basic alone", b"{}", "application/json; charset=none", (400, "unsupported_grant_type")),
        ("nobody", None, "", (401, "invalid_client")),
        ("wrong secret", None, "", (401, "invalid_client")),
        ("unknown client", None, "", (401, "invalid_client")),
        ("alpha", None, "", (401, "invalid_client")),
        ("basic that is not base64", None, "", (401, "invalid_client")),
    ],
)
async def test_no_token_for_a_bad_request(
    front: Front, who: str, form: bytes | None, kind: str, error: tuple[int, str]
) -> None:
    sent: dict[str, Any] = {"data": {"grant_type": "client_credentials"}}
    if form is not None:
        sent = {"data": form, "headers": {"Content-Type": kind}}
    reply = await front.call("POST", "//v1/oauth/accesstoken", who, **sent)
    assert (reply.status, reply.body) == (error[0], {"error": error[1]})


@pytest.mark.parametrize("name", ["Authorization: Bearer", "Authorization: Basic", "X-API-Key:"])
async def test_a_header_that_is_no_text_is_a_wrong_secret(front: Front, name: str) -> None:
    host, _, port = front.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /mm/v1.2/heartbeat HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{name} "
    writer.write(head.encode() + b"\xff\xfe\r\n\r\n")
    answered = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answered.startswith(b"HTTP/1.1 401 "), answered
