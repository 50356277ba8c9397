"""What a simulated provider shows: accounts, histories, bills and what it keeps; looking changes nothing."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias

from aiohttp import web

from adapters.simulator.batch import Batch
from adapters.simulator.book import Account
from adapters.simulator.order import Entry, Kind, Write
from adapters.simulator.provider import Provider
from adapters.simulator.routes import chosen
from adapters.simulator.rules import Fate
from adapters.simulator.words import (
    FORMAT,
    NOT_FOUND,
    REFUSALS,
    ApiError,
    answer,
    error_object,
    now_ms,
    pairs,
    time_ms,
    time_text,
)
from routing.money import Money

_Show: TypeAlias = Callable[..., web.Response]
_LIMIT: Final = 50
_LIMIT_MAX: Final = 1000


class Tongue(Protocol):
    """What the views need of the dialect."""

    def account(self, path: list[str]) -> tuple[str, list[str]]:
        """Return the account of a path, and the rest of it."""

    def entry(self, what: str, name: str) -> Entry:
        """Return the entry that something is of."""

    def status(self, entry: Entry) -> str:
        """Return how an entry stands."""

    def link(self, entry: Entry) -> str:
        """Return where it is told what became of an entry."""

    def state(self, entry: Entry, status: str) -> dict[str, Any]:
        """Return the request state of an entry."""

    def resource(self, entry: Entry, money: Money, status: str = "completed") -> dict[str, Any]:
        """Return what an entry made."""

    def payment(self, entry: Entry, money: Money, status: str) -> dict[str, Any]:
        """Return the payment of a bill."""


class Views:
    """The views of one provider."""

    def __init__(self, provider: Provider, tongue: Tongue) -> None:
        """Look at a provider."""
        self._provider = provider
        self._book = provider.book
        self._tongue = tongue

    def answer(self, request: web.Request, path: list[str]) -> web.Response:
        """Answer a GET; raises ApiError."""
        asked = {name.lower(): value for name, value in request.query.items()}
        if path[0] == "accounts" and path != ["accounts", "balance"]:
            account, rest = self._tongue.account(path[1:])
            known = self._known(account)
            show, found = chosen(self._of_account(account, known, asked), rest)
            return show(*found)
        routes: list[tuple[str, _Show]] = [
            ("heartbeat", lambda: answer(200, self._provider.heartbeat.shown())),
            ("accounts/balance", lambda: answer(200, self._balance(self._client(), asked))),
            ("billcompanies", lambda: self._companies(asked)),
            ("billcompanies/*", self._company),
            ("bills/*/payments", lambda bill: self._payments("", bill, asked)),
            ("quotations/*", lambda name: self._one(Kind.QUOTATION, "", name)),
            ("batchtransactions/*", lambda name: self._one(Kind.BATCH, "", name)),
            ("batchtransactions/*/rejections", lambda name: _page(self._rejections(self._batch(name)), asked)),
            ("batchtransactions/*/completions", lambda name: _page(self._completions(self._batch(name)), asked)),
            ("*/*", self._became),
        ]
        show, found = chosen(routes, path)
        return show(*found)

    def _of_account(self, account: str, known: Account, asked: dict[str, str]) -> list[tuple[str, _Show]]:
        return [
            ("", lambda: answer(200, self._whole(account, known, asked))),
            ("accountname", lambda: answer(200, {"name": _name(known)})),
            ("status", lambda: answer(200, self._status(account, known))),
            ("balance", lambda: answer(200, self._balance(account, asked))),
            ("transactions", lambda: self._transactions(account, asked)),
            ("statemententries", lambda: self._statements(account, asked)),
            ("billcompanies", lambda: self._companies(asked)),
            ("bills", lambda: _page(self._shown(Kind.BILL, account), asked)),
            ("bills/payments", lambda: self._payments(account, "", asked)),
            ("bills/*/payments", lambda bill: self._payments(account, bill, asked)),
            ("authorisationcodes", lambda: self._codes(account, asked)),
            ("authorisationcodes/*", lambda name: self._one(Kind.CODE, account, name)),
            ("debitmandates/*", lambda name: self._one(Kind.MANDATE, account, name)),
            ("links/*", lambda name: self._one(Kind.LINK, account, name)),
        ]

    def _became(self, what: str, name: str) -> web.Response:
        """Answer what became of an entry."""
        tongue = self._tongue
        if what not in {"responses", "requeststates", "transactions", "errors", "statemententries"}:
            raise ApiError(*NOT_FOUND)
        entry = tongue.entry(what, name)
        status = tongue.status(entry)
        match what:
            case "responses":
                return answer(200, {"link": tongue.link(entry)})
            case "requeststates":
                return answer(200, tongue.state(entry, status))
            case "errors" if status == "failed" and entry.refusal is not None:
                return answer(200, error_object(*REFUSALS[entry.refusal]))
            case "transactions" if entry.order.write is None:
                return answer(200, tongue.resource(entry, entry.order.money, status))
            case "statemententries" if entry.order.write is None and status == "completed":
                return answer(200, self._statement(entry))
        raise ApiError(*NOT_FOUND)

    def _client(self) -> str:
        return f"organisationid@{self._provider.settings.client.partition(':')[0]}"

    def _one(self, kind: Kind, account: str, reference: str) -> web.Response:
        return answer(200, self.kept(Write(kind=kind, reference=reference), account))

    def _companies(self, asked: dict[str, str]) -> web.Response:
        return _page([each.shown_alone() for each in self._book.shelf.companies.values()], asked)

    def _company(self, name: str) -> web.Response:
        company = self._book.shelf.companies.get(name)
        if company is None:
            raise ApiError(*NOT_FOUND)
        return answer(200, company.shown_alone())

    def _codes(self, account: str, asked: dict[str, str]) -> web.Response:
        codes, state = self._shown(Kind.CODE, account), asked.get("codestate")
        return _page([each for each in codes if state in {None, each["codeState"]}], asked)

    def kept(self, write: Write, account: str) -> dict[str, Any]:
        """Return what is kept, as the API shows it; raises ApiError."""
        if write.kind is Kind.ACCOUNT:
            return self._whole(account, self._known(account), {})
        kept = self._book.shelf.get(write.kind, write.reference)
        if kept is None or (account and kept.account != account):
            raise ApiError(*NOT_FOUND)
        shown = kept.shown(now_ms())
        return shown | self._counts(kept.value) if isinstance(kept.value, Batch) else shown

    def _known(self, account: str) -> Account:
        fate = self._provider.rules.fate_of(account)
        known = self._book.known(account)
        if fate is Fate.NOT_FOUND or known is None:
            raise ApiError(*NOT_FOUND)
        if fate is Fate.UNAVAILABLE:
            raise ApiError("serviceUnavailable", "genericError")
        return known

    def _status(self, account: str, known: Account) -> dict[str, Any]:
        blocked = self._provider.rules.fate_of(account) is Fate.BLOCKED
        status = {"accountStatus": "unavailable" if blocked else known.status}
        return status | ({"subStatus": known.sub_status} if known.sub_status else {})

    def _balance(self, account: str, asked: dict[str, str]) -> dict[str, Any]:
        """Return the balances in the currency asked for, else in the account's first."""
        known = self._known(account)
        status = {"accountStatus": known.status}
        currency = asked.get("currency") or next(iter(known.balances), "")
        if not currency:
            return status
        current = known.balances.get(currency, known.opening)
        available = self._book.available(account, currency, now_ms())
        minors = {"currentBalance": current, "availableBalance": available, "reservedBalance": current - available}
        shown = {name: str(Money(minor, currency)) for name, minor in minors.items()}
        return status | shown | {"unclearedBalance": "0", "currency": currency}

    def _whole(self, account: str, known: Account, asked: dict[str, str]) -> dict[str, Any]:
        at = time_text(known.at_ms)
        fields = {
            "accountIdentifiers": pairs(known.identifiers),
            "identity": list(known.holders().values()),
            "accountType": known.type,
            "accountSubStatus": known.sub_status,
            "creationDate": at,
            "modificationDate": at,
        }
        return {name: value for name, value in fields.items() if value} | self._balance(account, asked)

    def _entries(self, account: str) -> list[Entry]:
        """Return an account's, the newest first."""
        entries = [self._book.entries[number] for number in self._book.by_account.get(account, ())]
        return sorted(entries, key=lambda each: (each.at_ms, each.number), reverse=True)

    def _transactions(self, account: str, asked: dict[str, str]) -> web.Response:
        shown = [
            self._tongue.resource(each, each.order.money, self._tongue.status(each)) for each in self._entries(account)
        ]
        type_, status = asked.get("transactiontype"), asked.get("transactionstatus")
        return _page(
            [row for row in shown if type_ in {None, row["type"]} and status in {None, row["transactionStatus"]}], asked
        )

    def _statements(self, account: str, asked: dict[str, str]) -> web.Response:
        done = [self._statement(each) for each in self._entries(account) if self._tongue.status(each) == "completed"]
        type_, status = asked.get("displaytype"), asked.get("transactionstatus")
        return _page(
            [row for row in done if type_ in {None, row["displayType"]} and status in {None, "completed"}], asked
        )

    def _statement(self, entry: Entry) -> dict[str, Any]:
        shown = self._tongue.resource(entry, entry.order.money)
        names = (
            "transactionReference transactionStatus amount currency creditParty debitParty descriptionText "
            "creationDate modificationDate requestDate"
        )
        fields = {name: shown[name] for name in names.split() if name in shown}
        return fields | {"displayType": entry.order.direction}

    def _payments(self, account: str, bill: str, asked: dict[str, str]) -> web.Response:
        if bill and self._book.shelf.get(Kind.BILL, bill) is None:
            raise ApiError(*NOT_FOUND)
        paid = [
            self._tongue.payment(each, each.order.money, self._tongue.status(each))
            for each in self._entries(self._book.billed(account, bill))
            if each.order.type == "payments" and each.refusal is None and each.order.uses.get(Kind.BILL, "") == bill
        ]
        return _page(paid, asked)

    def _shown(self, kind: Kind, account: str) -> list[dict[str, Any]]:
        return [kept.shown(now_ms()) for _, kept in self._book.shelf.of(kind, account)]

    def _batch(self, reference: str) -> Batch:
        kept = self._book.shelf.get(Kind.BATCH, reference)
        if kept is None or not isinstance(kept.value, Batch):
            raise ApiError(*NOT_FOUND)
        return kept.value

    def _completions(self, batch: Batch) -> list[dict[str, Any]]:
        entries = [self._book.entries[number] for number in batch.rows]
        return [self._completion(each) for each in entries if each.refusal is None]

    def _rejections(self, batch: Batch) -> list[dict[str, Any]]:
        entries = [self._book.entries[number] for number in batch.rows]
        return batch.rejected + [self._row(each) | _rejection(each) for each in entries if each.refusal is not None]

    def _row(self, entry: Entry) -> dict[str, Any]:
        names = {"creditParty", "debitParty", "requestingOrganisationTransactionReference"}
        return {name: value for name, value in entry.order.details.items() if name in names}

    def _completion(self, entry: Entry) -> dict[str, Any]:
        shown = self._tongue.resource(entry, entry.order.money)
        completed = {"completionDate": shown["modificationDate"], "link": self._tongue.link(entry)}
        return self._row(entry) | {"transactionReference": shown["transactionReference"]} | completed

    def _counts(self, batch: Batch) -> dict[str, Any]:
        entries = [self._book.entries[number] for number in batch.rows]
        refused = sum(each.refusal is not None for each in entries)
        parsed = len(batch.transactions) - len(batch.rejected)
        done = {"completedCount": len(entries) - refused, "rejectionCount": len(batch.rejected) + refused}
        return done | {"parsingSuccessCount": parsed}


def _rejection(entry: Entry) -> dict[str, Any]:
    why = "/".join(REFUSALS[entry.refusal]) if entry.refusal else ""
    return {"rejectionReason": why, "rejectionDate": time_text(entry.at_ms)}


def _name(known: Account) -> dict[str, Any]:
    first = next(iter(known.holders().values()))
    name: dict[str, Any] = first.get("identityKyc", {}).get("subjectName") or {"fullName": known.name}
    return name


def _page(rows: Iterable[dict[str, Any]], asked: dict[str, str]) -> web.Response:
    """Answer with the rows that are asked for, and how many there are; raises ApiError."""
    try:
        limit, offset = int(asked.get("limit", _LIMIT)), int(asked.get("offset", 0))
        since = time_ms(asked["fromdatetime"].replace(" ", "+")) if "fromdatetime" in asked else None
        until = time_ms(asked["todatetime"].replace(" ", "+")) if "todatetime" in asked else None
    except ValueError as wrong:
        raise ApiError(*FORMAT) from wrong
    if limit < 0:
        raise ApiError(*FORMAT)
    if offset < 0:
        raise ApiError("validation", "invalidOffset")
    matching = [row for row in rows if _within(row, since, until)]
    page = matching[offset : offset + min(limit, _LIMIT_MAX)]
    counts = {"X-Records-Available-Count": str(len(matching)), "X-Records-Returned-Count": str(len(page))}
    return answer(200, page, counts)


def _within(row: dict[str, Any], since: int | None, until: int | None) -> bool:
    if "creationDate" not in row:
        return True
    at = time_ms(row["creationDate"])
    return (since is None or since <= at) and (until is None or at <= until)
