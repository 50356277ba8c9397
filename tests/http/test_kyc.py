"""Who sends, who receives and why: sealed at the door, looked at once, in nothing that is kept, said or logged."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from hub.core.admit import body_of
from hub.core.batch import sealed_name
from hub.core.change import Letter, Notice
from hub.core.command import Body
from hub.http.resources import letter_of
from routing.message import Verdict
from routing.seal import Seal, SealError
from tests.every_table import tables_with
from tests.http import batch_desk
from tests.http.abroad import KYC, ORIGIN, RATES, TANZANIA, UGANDA, asked, opened_abroad, pairs, unquoted
from tests.http.batch_desk import Desk
from tests.http.front import ALPHA, SEAL, Front, Json, Reply, opened, payment

NAMES = ("Achieng", "Odhiambo-Sample", "ZZ-4711-SAMPLE", "Mukasa", "Nakato-Sample", "255711998877")
WORDS = (*NAMES, "aunt-sample", "school fees of sample")
WHY = {name: ORIGIN[name] for name in ("remittancePurpose", "relationshipSender")}
SEALED = KYC | {"internationalTransferInformation": WHY}
NO_KEY = (400, "businessRule", "genericError")


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with opened_abroad(unquoted()) as running:
        yield running


@pytest.fixture
async def bare() -> AsyncIterator[Front]:
    async with opened_abroad(unquoted(), seal=None) as running:
        yield running


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    async with batch_desk.opened(migrated_url, file=unquoted()) as running:
        for provider, rates in RATES.items():
            assert (await running.call("PUT", "/fxrates", provider, json={"rates": rates})).status == 200
        yield running


def abroad(payee: str = UGANDA, **changes: Any) -> Json:
    """A transfer from alpha's customer that says everything about whoever it concerns."""
    plain = payment(
        type="inttransfer",
        amount="100",
        creditParty=[{"key": "msisdn", "value": payee}],
        internationalTransferInformation=ORIGIN,
        customData=pairs(receivingAmountMin="1"),
        **KYC,
    )
    return {name: value for name, value in (plain | changes).items() if value is not None}


async def sent(front: Front, **changes: Any) -> Reply:
    return await front.call("POST", "/transactions", json=abroad(**changes))


def kept(front: Front, reply: Reply) -> Body:
    assert reply.status == 202, reply.body
    return body_of(front.store.transfers[reply.reference])


def found_in(*texts: Any) -> set[str]:
    return {word for text in texts for word in WORDS if word.lower() in str(text).lower()}


async def test_it_is_kept_sealed_for_its_transfer_alone(front: Front) -> None:
    with capture_logs() as lines:
        reply = await sent(front)
    body = kept(front, reply)
    assert SEAL.opened_object(body.kyc, transfer=reply.reference) == SEALED
    with pytest.raises(SealError):
        SEAL.opened_object(body.kyc, transfer="0" * 32)
    assert body.details["internationalTransferInformation"] == {"originCountry": "KE"}
    everything = (lines, front.store.transfers, front.store.outbox, front.store.transitions, reply.raw)
    assert found_in(*everything) == set()


async def test_a_quotation_goes_south_with_it_sealed_and_keeps_none_of_it(front: Front) -> None:
    reply = await front.call("POST", "/quotations", json=asked(**KYC))
    body = kept(front, reply)
    assert SEAL.opened_object(body.kyc, transfer=reply.reference) == KYC
    shown = await front.call("GET", f"/quotations/{reply.reference}")
    assert shown.body["quotationStatus"] == "completed"
    assert found_in(front.store.transfers, front.store.issued, front.store.outbox, shown.raw) == set()


async def test_no_answer_repeats_it(front: Front) -> None:
    reply = await sent(front)
    await front.heard(reply.reference, Verdict.ACCEPTED)
    transfer = front.store.transfers[reply.reference]
    letters: list[Letter] = [
        letter_of(Notice(transfer=transfer, to=to), await front.store.scheme()) for to in ("", "bravo")
    ]
    views = [
        await front.call("GET", path, who)
        for who in ("alpha", "bravo")
        for path in (
            f"/transactions/{reply.reference}",
            f"/accounts/msisdn/{ALPHA}/transactions",
            f"/accounts/msisdn/{ALPHA}/statemententries",
            f"/statemententries/{reply.reference}",
        )
    ]
    assert {each.status for each in views} == {200}
    assert views[0].body["internationalTransferInformation"] == {"originCountry": "KE"}
    assert found_in(*(each.raw for each in views), *(bytes(each.body) for each in letters)) == set()


@pytest.mark.parametrize("name", ["senderKyc", "SenderKYC", "recipientkyc"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/transactions/type/inttransfer", payment(type=None)),
        (f"/accounts/msisdn/{UGANDA}/bills/payments", {"amountPaid": "5", "currency": "KES"}),
        (f"/accounts/msisdn/{UGANDA}/debitmandates", {"startDate": "2026-01-01"}),
    ],
)
async def test_whatever_is_written_and_however_it_is_spelled_it_is_not_kept_in_clear(
    front: Front, name: str, path: str, body: Json
) -> None:
    reply = await front.call("POST", path, json=body | {name: KYC["senderKyc"]})
    assert SEAL.opened_object(kept(front, reply).kyc, transfer=reply.reference).keys() <= KYC.keys()
    assert found_in(front.store.transfers, front.store.outbox) == set()


async def test_without_it_there_is_nothing_sealed(front: Front) -> None:
    empty: Json = {"senderKyc": {}, "recipientKyc": None, "internationalTransferInformation": {"originCountry": "KE"}}
    assert not kept(front, await front.call("POST", "/transactions", json=abroad() | empty)).kyc


async def test_more_than_can_be_sealed_is_refused() -> None:
    async with opened(body_max_bytes=200_000) as roomy:
        long = {"subjectName": {"fullName": "A"}, "unheardOf": "x" * 60_000}
        reply = await roomy.submit(senderKyc=long)
        assert (reply.error, reply.parameters) == ((400, "validation", "lengthError"), {"property": "senderKyc"})
        assert (await roomy.submit(senderKyc=long | {"unheardOf": "x" * 40_000})).status == 202


async def test_a_hub_without_a_key_refuses_it_rather_than_lose_or_show_it(bare: Front) -> None:
    assert (await sent(bare)).error == NO_KEY
    assert (await bare.call("POST", "/quotations", json=asked(**KYC))).error == NO_KEY
    assert bare.store.transfers == {}
    assert (await sent(bare, senderKyc=None, recipientKyc=None, internationalTransferInformation=None)).status == 202


async def test_the_corridor_looks_at_it(front: Front) -> None:
    assert (await front.state(await sent(front, payee=TANZANIA)))["status"] == "pending"
    missing = await front.state(await sent(front, payee=TANZANIA, senderKyc=None))
    assert missing["status"] == "failed"


async def test_a_batch_a_transfer_and_a_quotation_leave_no_trace_in_any_table_or_log(desk: Desk) -> None:
    with capture_logs() as lines:
        quotation = await desk.call("POST", "/quotations", json=asked(**KYC))
        transfer = await desk.call("POST", "/transactions", json=abroad())
        assert (quotation.status, transfer.status) == (202, 202)
        waiting = await desk.taken(abroad(), batchStatus="created")
        broken = abroad(amount="-5")
        done = await desk.taken(abroad(), broken, abroad(TANZANIA), abroad(TANZANIA, senderKyc=None))
        found = await desk.cleared(done)
        await desk.answered()
    assert (found["completedCount"], found["rejectionCount"]) == (2, 2)
    assert [each["rejectionReason"] for each in await desk.rejections(done)] == [
        "validation/negativeValue amount",
        "validation/mandatoryValueNotSupplied",
    ]
    assert (await desk.progress(waiting)).parsed == 1
    where = {"transfer", "instrument", "batch_item", "outbox"}
    assert tables_with(desk.database, [*WORDS, ALPHA]) == {(ALPHA, table) for table in where}
    assert found_in(lines) == set()


async def test_a_row_is_sealed_for_its_batch_and_place_and_its_transfer_for_itself(desk: Desk) -> None:
    batch = await desk.taken(abroad(), abroad())
    ((first,), (second,)) = desk.execute("SELECT terms->>'kyc' FROM batch_item ORDER BY row")
    assert SEAL.opened_object(first, transfer=sealed_name(batch, 1)) == SEALED
    for name in (sealed_name(batch, 2), sealed_name("0" * 32, 1), batch):
        with pytest.raises(SealError):
            SEAL.opened_object(first, transfer=name)
    assert SEAL.opened_object(second, transfer=sealed_name(batch, 2)) == SEALED
    await desk.look()
    for instruction in desk.instructions:
        assert SEAL.opened_object(instruction.kyc, transfer=instruction.transfer) == SEALED
    assert len(desk.instructions) == 2


async def test_rows_that_cannot_be_opened_wait_for_the_key_and_hold_up_no_others(desk: Desk) -> None:
    plain: Json = {"senderKyc": None, "recipientKyc": None, "internationalTransferInformation": None}
    batch = await desk.taken(abroad(), abroad(**plain))
    for seal in (None, Seal([b"another key of some length, 32 at least"])):
        desk.seal = seal
        with capture_logs() as lines:
            await desk.look(desk.another_worker())
            await desk.answered()
        (line,) = [each for each in lines if each["event"] == "batch.sealed"]
        assert (line["log_level"], line["rows"]) == ("error", 1)
        assert found_in(lines) == set()
    await desk.look(desk.another_worker())
    assert (await desk.view(batch))["batchStatus"] == "approved"
    assert ((await desk.view(batch))["completedCount"], (await desk.view(batch))["rejectionCount"]) == (1, 0)
    assert (await desk.cleared(batch))["completedCount"] == 2


async def test_without_a_key_a_row_that_says_who_sends_is_rejected_alone(migrated_url: str) -> None:
    async with batch_desk.opened(migrated_url, seal=None) as desk:
        batch = await desk.taken(batch_desk.row(1, senderKyc=KYC["senderKyc"]), batch_desk.row(2))
        assert (await desk.cleared(batch))["completedCount"] == 1
        (rejected,) = await desk.rejections(batch)
        assert rejected["rejectionReason"] == "businessRule/genericError senderKyc"
        assert msgspec.json.encode(desk.execute("SELECT terms FROM batch_item")).decode().count("Achieng") == 0
