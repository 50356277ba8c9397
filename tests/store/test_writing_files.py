"""What the settlement bank is told: each payment in one order, once, whoever writes it; and what it does not answer."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from hub.core.office.files import Instruct, Written
from hub.core.office.records import DifferenceState, File
from hub.core.office.resolving import Resolution
from hub.core.settlement.window import Payment, PaymentState, WindowState
from hub.files.orders import PACS_009
from hub.files.signature import verify
from hub.flow import Door
from hub.workers.files import SIGNATURE, SIGNED_WITHIN_S, Files
from tests.store.bank import (
    HUB_KEY,
    booked,
    csv_of,
    differences,
    files,
    hurried,
    keys,
    kinds,
    payment,
    released,
    sent,
    signed,
    taken,
    window,
)
from tests.store.house import House
from tests.store.office import approved, funds_and_payment, moving
from tests.store.test_resolving import resolved

NAME: Final = "answer.csv"


def worker(door: Door, folder: Path | None = None) -> Files:
    return Files(door, HUB_KEY, keys, folder)


async def test_every_payment_of_a_window_is_in_one_signed_order(house: House) -> None:
    paid, due = await released(house)
    await worker(house.door).look()
    order, sheet = sorted(await files(house, origin=""), key=lambda each: each.format, reverse=True)
    assert (order.format, sheet.format, order.entries) == (PACS_009, "csv", 2)
    for each in (paid, due):
        assert (await payment(house, each.id)).file == order.id
        assert all(each.id in file.content for file in (order, sheet))
    for file in (order, sheet):
        assert file.subject == paid.subject
        verify(file.content.encode(), name=file.name, window=paid.subject, signature=file.signature, jwks=HUB_KEY.jwks)


async def test_an_order_is_written_once_whoever_looks(house: House) -> None:
    await released(house)
    doors = await house.doors(3)
    await asyncio.gather(*(worker(door).look() for door in doors))
    await worker(house.door).look()
    assert len(await files(house, origin="")) == 2


async def test_a_payment_that_has_changed_since_it_was_written_is_not_sent_as_it_was(house: House) -> None:
    paid, _ = await released(house)
    file = Written(id="a" * 32, name="x", format="csv", content="x", sha256="x", signature="", signer="")
    versions = {paid.id: paid.version - 1}
    stale = Instruct(by="hub", files=(file,), payments=versions, subject=paid.subject, currency="KES")
    result = await house.door.handle(stale)
    assert result.reason == "record_forbids"
    assert (await payment(house, paid.id)).file == ""


async def test_money_that_a_participant_pays_in_itself_is_announced_and_not_ordered(house: House) -> None:
    await released(house)
    await worker(house.door).look()
    coming, going = moving("250"), moving("40", out=True)
    for deed in (coming, going):
        await approved(house, deed)
    await worker(house.door).look()
    for deed, formats in ((coming, ["csv"]), (going, ["csv", PACS_009])):
        _, found = await funds_and_payment(house, deed)
        assert sorted(each.format for each in await files(house, subject=deed.funds)) == formats
        assert found.file


async def test_funds_are_confirmed_by_the_banks_file(house: House) -> None:
    await released(house)
    deed = moving("250")
    await approved(house, deed)
    _, found = await funds_and_payment(house, deed)
    await taken(house, booked(found))
    funds, found = await funds_and_payment(house, deed)
    assert (str(funds.state), found.state) == ("confirmed", PaymentState.POSTED)
    assert house.findings() == []


async def test_what_is_not_heard_of_in_time_is_missing_and_may_still_come(house: House) -> None:
    paid, due = await released(house)
    await hurried(house, paid)
    await worker(house.door).look()
    missed = await payment(house, paid.id)
    assert (missed.state, missed.due_ms) == (PaymentState.MISSING, None)
    assert await kinds(house) == ["missing"]
    await worker(house.door).look()
    assert await kinds(house) == ["missing"]
    await taken(house, booked(paid), booked(due))
    assert (await window(house)).state is WindowState.SETTLED
    assert await kinds(house) == []
    (closed,) = await differences(house, DifferenceState.RESOLVED)
    assert (closed.closed_by, closed.resolution) == ("file answer.csv", "it agrees now")


async def test_what_is_missing_is_accepted_with_the_banks_own_reference(house: House) -> None:
    paid, due = await released(house)
    await hurried(house, paid)
    await worker(house.door).look()
    await taken(house, booked(due), name="1.csv")
    assert (await resolved(house, Resolution.ACCEPT_BOOKED)).reason == "terms_invalid"
    assert not (await resolved(house, Resolution.ACCEPT_BOOKED, bank_reference="paper 7")).reason
    assert (await window(house)).state is WindowState.SETTLED
    await taken(house, booked(paid, bank_reference="paper 7"), name="2.csv")
    assert await kinds(house) == []
    assert house.findings() == []


async def test_files_go_to_the_bank_and_come_from_it_through_a_folder(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    looking = worker(house.door, tmp_path)
    await looking.look()
    out = fetched(tmp_path)
    assert len(out) == 4
    assert sum(name.endswith(SIGNATURE) for name in out) == 2
    await looking.look()
    assert fetched(tmp_path) == []
    arrive(tmp_path, csv_of(booked(paid), booked(due)))
    await looking.look()
    assert (await window(house)).state is WindowState.SETTLED
    assert fetched(tmp_path / "taken") == [NAME, NAME + SIGNATURE]
    assert fetched(tmp_path / "in") == []


def fetched(folder: Path) -> list[str]:
    """Take the files of a folder away, as the bank does; returns their names."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    for name in names:
        (folder / name).unlink()
    return names


def arrive(folder: Path, content: bytes, signature: str | None = None) -> Path:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / NAME).write_bytes(content)
    if signature != "":
        (folder / "in" / (NAME + SIGNATURE)).write_text(signature or signed(content))
    return folder / "in" / NAME


async def test_a_file_waits_for_its_signature_but_not_for_ever(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    looking = worker(house.door, tmp_path)
    path = arrive(tmp_path, csv_of(booked(paid), booked(due)), "")
    await looking.look()
    assert path.exists()
    long_ago = path.stat().st_mtime - SIGNED_WITHIN_S - 1
    os.utime(path, (long_ago, long_ago))
    await looking.look()
    assert (tmp_path / "refused" / NAME).exists()
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED
    (refused,) = await house.store.records.found(File, origin="bank")
    assert "not signed" in refused.refused


async def test_keys_that_cannot_be_read_let_nothing_in(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    path = arrive(tmp_path, csv_of(booked(paid), booked(due)))

    def unreadable(_: object) -> dict[str, bytes]:
        raise OSError("no such file: bank.json")

    await Files(house.door, HUB_KEY, unreadable, tmp_path).look()
    assert path.exists()
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED


Whole = Callable[[Payment, Payment], str]


def _report(status: str, *listed: str) -> Whole:
    def make(paid: Payment, _: Payment) -> str:
        reports = "".join(listed).replace("PAID", paid.id)
        return (
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10"><FIToFIPmtStsRpt>'
            "<GrpHdr><MsgId>R1</MsgId><CreDtTm>2026-11-24T10:00:00Z</CreDtTm></GrpHdr>"
            f"<OrgnlGrpInfAndSts><OrgnlMsgId>{paid.file}</OrgnlMsgId><OrgnlMsgNmId>{PACS_009}</OrgnlMsgNmId>"
            f"<GrpSts>{status}</GrpSts>"
            + ("<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>" if status == "RJCT" else "")
            + f"</OrgnlGrpInfAndSts>{reports}</FIToFIPmtStsRpt></Document>"
        )

    return make


_BOOKED: Final = "<TxInfAndSts><OrgnlEndToEndId>PAID</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"


@pytest.mark.parametrize(
    ("make", "states"),
    [
        (_report("ACSC"), [PaymentState.POSTED, PaymentState.POSTED]),
        (_report("RJCT"), [PaymentState.REFUSED, PaymentState.REFUSED]),
        (_report("PART", _BOOKED), [PaymentState.POSTED, PaymentState.EXPECTED]),
        (_report("ACTC"), [PaymentState.EXPECTED, PaymentState.EXPECTED]),
    ],
    ids=["all booked", "all refused", "one of two", "only looked at"],
)
async def test_a_report_on_a_whole_order_is_about_each_of_its_payments(
    house: House, make: Whole, states: list[PaymentState]
) -> None:
    await released(house)
    await worker(house.door).look()
    paid, due = sorted(await house.store.records.found(Payment), key=lambda each: each.debtor, reverse=True)
    result = await sent(house, make(paid, due).encode(), name="r.xml")
    assert not result.reason, result.reason
    assert [(await payment(house, each.id)).state for each in (paid, due)] == states


async def test_a_report_on_a_message_that_was_never_sent_is_refused(house: House) -> None:
    paid, due = await released(house)
    result = await sent(house, _report("ACSC", _BOOKED)(paid, due).replace("<OrgnlMsgId>", "<OrgnlMsgId>X").encode())
    assert "never sent" in result.reason
