"""Every bad input there is, with the one answer it gets; whatever it is, nothing has changed."""

from typing import Any, Final, NamedTuple

import msgspec
import pytest

from hub.http.operator.row import BODY_MAX
from hub.http.operator.rows import ROWS
from tests.http.operator.bureau import FILE_MAX, Bureau, everything

pytestmark = pytest.mark.asyncio(loop_scope="module")

Error = tuple[int, str]
MALFORMED: Final = (400, "malformed")
QUERY: Final = (400, "query_invalid")
HEADER: Final = (400, "header_invalid")
INVALID: Final = (422, "body_invalid")
NOTHING: Final = (404, "record_unknown")
UNKNOWN: Final = "0" * 32
FUNDS: Final[dict[str, Any]] = {
    "act": "MoveFunds",
    "terms": {"participant": "alpha", "amount": {"amount": "5", "currency": "KES"}, "why": "morning"},
    "why": "morning",
}


class Bad(NamedTuple):
    """One bad input and its answer."""

    what: str
    error: Error
    method: str = "POST"
    path: str = "/proposals"
    who: str = "maker"
    body: Any = None  # bytes go as they are, anything else as JSON
    headers: dict[str, str] = {}
    property: str = ""


def terms(what: str, error: Error, property_: str = "", **changes: Any) -> Bad:
    """A good proposal of funds with other terms; None leaves one out."""
    merged = {name: each for name, each in (FUNDS["terms"] | changes).items() if each is not None}
    return Bad(what, error, body=FUNDS | {"terms": merged}, property=property_)


def raw(what: str, content: bytes, error: Error = MALFORMED, path: str = "/proposals") -> Bad:
    return Bad(what, error, path=path, body=content, headers={"Content-Type": "application/json"})


def read(what: str, path: str, error: Error = NOTHING, property_: str = "") -> Bad:
    return Bad(what, error, "GET", path, "viewer", property=property_)


BODIES: Final = [
    raw("no body at all", b""),
    raw("malformed JSON", b'{"act": "MoveFunds"'),
    raw("JSON with something behind it", b"{}{}"),
    raw("bytes that are not UTF-8", b'{"act": "\xff"}'),
    raw("U+0000 in a text", msgspec.json.encode(FUNDS | {"why": "a\0b"})),
    raw("lists nested 5000 deep", b"[" * 5000 + b"]" * 5000),
    raw("lists nested 40 deep", b'{"act":"MoveFunds","why":"x","terms":{"a":' + b"[" * 40 + b"]" * 40 + b"}}"),
    raw("a body over the limit", b" " * (BODY_MAX + 1), (413, "too_large")),
    raw("a file over the limit", b" " * (FILE_MAX + 1), (413, "too_large"), "/deeds/CloseWindow"),
    Bad("another type", (415, "wrong_type"), body=b"{}", headers={"Content-Type": "text/plain"}),
    Bad("a form", (415, "wrong_type"), body=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Bad("a list as a body", INVALID, body=[FUNDS], property="body"),
    raw("null as a body", b"null", INVALID),
    Bad("an empty object", INVALID, body={}, property="body"),
    Bad("no why", INVALID, body={name: FUNDS[name] for name in ("act", "terms")}),
    Bad("a field that is not known", INVALID, body=FUNDS | {"by": "checker"}, property="body"),
    Bad("a why of nothing", (422, "terms_invalid"), body=FUNDS | {"why": " "}),
    Bad("a why without end", INVALID, body=FUNDS | {"why": "x" * 2_001}, property="why"),
    Bad("an act of nothing", (404, "unknown_act"), body=FUNDS | {"act": "MakeMoney"}),
    Bad("an act as a list", INVALID, body=FUNDS | {"act": ["MoveFunds"]}, property="body.act"),
    Bad("terms as a text", INVALID, body=FUNDS | {"terms": "all"}, property="body.terms"),
    terms("no participant", INVALID, "terms", participant=None),
    terms("a term that is not known", INVALID, "terms", colour="red"),
    terms("somebody else's name", INVALID, "terms", by="checker"),
    terms("a reference of one's own", INVALID, "terms", ref=UNKNOWN),
    terms("an id for what it makes", INVALID, "terms.funds", funds="f" * 32),
    terms("the deed's type", INVALID, "terms", type="ConfirmFunds"),
    terms("minor units", INVALID, "terms", minor=500),
    terms("money as it is kept", INVALID, "terms", money={"minor": 5, "currency": "KES"}),
    terms("an amount as a text", INVALID, "terms.amount", amount="5"),
    terms("an amount as a number", INVALID, "terms.amount.amount", amount={"amount": 5, "currency": "KES"}),
    terms("an amount without currency", INVALID, "terms.amount", amount={"amount": "5"}),
    terms("an amount below zero", INVALID, "terms.amount", amount={"amount": "-5", "currency": "KES"}),
    terms("an amount with a third of a cent", INVALID, "terms.amount", amount={"amount": "5.333", "currency": "KES"}),
    terms("an amount in no currency", INVALID, "terms.amount", amount={"amount": "5", "currency": "ABC"}),
    terms("an amount without end", INVALID, "terms.amount", amount={"amount": "9" * 30, "currency": "KES"}),
    terms("an amount of nothing", (422, "terms_invalid"), amount={"amount": "0", "currency": "KES"}),
    terms("another currency", (422, "currency_unsupported"), amount={"amount": "5", "currency": "UGX"}),
    terms("a stranger's funds", (404, "record_unknown"), participant="stranger"),
    terms("a purpose that is none", INVALID, "terms.purpose", purpose="fun"),
    terms("a direction that is none", INVALID, "terms.out", out="yes"),
    terms("funds without a reason", (422, "terms_invalid"), why=""),
    Bad("a key that is too long", HEADER, body=FUNDS, headers={"Idempotency-Key": "k" * 256}),
    Bad("a key in other letters", HEADER, body=FUNDS, headers={"Idempotency-Key": "ké"}),
    Bad("a window of nothing", (404, "record_unknown"), path="/deeds/CloseWindow", body={"terms": {"window": UNKNOWN}}),
    Bad("a window that is a number", INVALID, path="/deeds/CloseWindow", body={"terms": {"window": 5}}),
    Bad(
        "a window without end",
        (404, "record_unknown"),
        path="/deeds/CloseWindow",
        body={"terms": {"window": "9" * 999}},
    ),
    *(
        Bad(
            f"{what} of nothing",
            NOTHING,
            path=f"/proposals/{UNKNOWN}/{what}",
            who=who,
            body={},
            headers={"If-Match": "1"},
        )
        for what, who in (("approve", "checker"), ("reject", "checker"), ("withdraw", "maker"))
    ),
]

PATHS: Final = [
    read("a path that is not there", "/nothing", (404, "unknown_path")),
    read("a path outside of the API", "//nothing", (404, "unknown_path")),
    Bad("a method that is not there", (405, "unknown_method"), "DELETE", "/proposals"),
    Bad("a change of a record", (405, "unknown_method"), "PUT", f"/windows/{UNKNOWN}", body={}),
    Bad("a method of a path that is not there", (404, "unknown_path"), "PATCH", "/nothing"),
    *(
        read(f"an unknown one of {row.path}", row.path.replace("{id}", id_).replace("{version}", id_))
        for row in ROWS
        if row.method == "GET" and "{" in row.path and not row.path.endswith("/default")
        for id_ in (UNKNOWN, "x", "%00", "é", "9" * 30)
    ),
    read("an unknown window's default", f"/windows/{UNKNOWN}/default?participant=alpha"),
    read("nobody's default", f"/windows/{UNKNOWN}/default", QUERY, "participant"),
    read("a default by no path", f"/windows/{UNKNOWN}/default?participant=alpha&path=hope", QUERY, "path"),
]

LISTS: Final = [row.path for row in ROWS if row.method == "GET" and any(each.name == "limit" for each in row.query)]
QUERIES: Final = [
    *(read(f"{path}?{query}", f"{path}?{query}", QUERY, query.partition("=")[0])
      for path in LISTS
      for query in ("limit=0", "limit=501", "limit=x", "limit=-1", "limit=", "limit=1e2", "limit=" + "9" * 40,
                    "before=x", "before=", "before=bnVsbA", "before=WzEsIDJd", "colour=red", "secret_hash=1",
                    "content=1", "version=1")),
    read("a limit said twice", "/windows?limit=1&limit=2", QUERY, "limit"),
    read("a state that is none", "/windows?state=ajar", QUERY, "state"),
    read("a state of transfers that is none", "/transfers?state=lost", QUERY, "state"),
    read("a number that is none", "/windows?number=one", QUERY, "number"),
    read("a truth that is none", "/operators?enabled=1", QUERY, "enabled"),
    read("a time that is none", "/payments?from=yesterday", QUERY, "from"),
    read("a time after the last", "/payments?to=99999-01-01", QUERY, "to"),
    read("an account without its kind", "/transfers?account=254700111222", QUERY, "account"),
    read("an account of an unknown kind", "/transfers?account=shoe:43", QUERY, "account"),
    read("a telephone number of letters", "/transfers?account=msisdn:bravo", QUERY, "account"),
    read("a correlation and more", "/transfers?correlation=x&state=committed", QUERY, "state"),
    read("a cursor of another list", "/transfers?before=WzEsICJ4Il0", QUERY, "before"),
    read("U+0000 in a filter", "/payments?subject=a%00b", QUERY, "subject"),
    read("a query where there is none", "/scheme?version=1", QUERY, "version"),
    Bad("a query of a write", QUERY, path="/proposals?force=true", body=FUNDS, property="force"),
]  # fmt: skip


@pytest.mark.parametrize("bad", [*BODIES, *PATHS, *QUERIES], ids=lambda bad: bad.what)
async def test_bad_input_is_named_and_changes_nothing(bureau: Bureau, office_url: str, bad: Bad) -> None:
    before = everything(office_url) if bad.method != "GET" else {}
    sent: dict[str, Any] = {"data": bad.body} if isinstance(bad.body, bytes) else {"json": bad.body}
    reply = await bureau.call(
        bad.method, bad.path, bad.who, headers=bad.headers, **(sent if bad.body is not None else {})
    )
    assert reply.error == bad.error, reply.raw
    assert {"errorCategory", "errorDescription", "errorDateTime"} <= set(reply.body)
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    if bad.property:
        assert reply.parameters["property"] == bad.property, reply.raw
    if bad.error[0] == 405:
        assert reply.headers["Allow"]
    assert before == (everything(office_url) if before else {})
