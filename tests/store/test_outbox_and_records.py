"""The outbox, the exception queue, schemes and credentials, on memory and on PostgreSQL."""

import time

import msgspec
import pytest

from hub.core.change import CALLBACKS
from hub.core.command import Done, Due
from hub.core.office.ruling import CloseCase
from hub.core.participant import Status
from hub.core.transfer import State
from hub.ledger.account import Kind
from hub.store.contract import GRACE_MS, OutboxKey
from hub.store.read import Credential
from hub.store.sql import secret_hash
from routing.message import Instruction, Operation, Verdict
from routing.party import Identifier
from tests.store.house import PORTED, House, msisdn, reason_of, said, scheme_file, submit, transfer_id


async def keys_waiting(house: House, limit: int = 10) -> list[tuple[OutboxKey, int]]:
    return sorted((row.message.key, row.attempts) for row in await house.store.waiting(limit))


def told(number: int) -> OutboxKey:
    """Name the first message of a push."""
    return transfer_id(number), 1, "instructions.bravo-1"


async def hurry(house: House, *keys: OutboxKey) -> None:
    for key in keys:
        await house.store.postpone(key, wait_ms=0, note="")


async def test_who_commits_a_message_has_the_first_chance_to_send_it(house: House) -> None:
    await house.begun(submit(1))
    assert GRACE_MS > 0
    assert await keys_waiting(house) == []


async def test_a_message_that_waits_is_claimed_by_one_sweep_and_comes_back_as_it_was_decided(house: House) -> None:
    transfer = await house.begun(submit(1))
    await hurry(house, told(1))
    first, second = await house.store.waiting(10), await (await house.another_store()).waiting(10)
    assert [row.attempts for row in first] == [1]
    assert second == []
    message = first[0].message
    assert (message.transfer, message.seq, message.queue) == (transfer.id, 1, "instructions.bravo-1")
    assert msgspec.json.decode(message.body, type=Instruction) == msgspec.json.decode(
        house.delivered[0].body, type=Instruction
    )


async def test_what_is_sent_leaves_the_outbox_and_nothing_else_does(house: House) -> None:
    for number in (1, 2, 3):
        await house.begun(submit(number))
    await house.store.sent([told(1), (transfer_id(2), 9, told(2)[2]), (transfer_id(3), 1, CALLBACKS), told(9)])
    await house.store.sent([])
    await hurry(house, *(told(number) for number in (1, 2, 3)))
    assert await keys_waiting(house) == [(told(number), 1) for number in (2, 3)]


async def test_a_sweep_takes_no_more_than_it_is_told(house: House) -> None:
    for number in range(5):
        await house.begun(submit(number))
        await hurry(house, told(number))
    taken = [await keys_waiting(house, 2) for _ in range(4)]
    assert [len(each) for each in taken] == [2, 2, 1, 0]
    assert len({key for each in taken for key, _ in each}) == 5


async def test_a_postponed_message_waits_and_counts_its_attempts(house: House) -> None:
    await house.begun(submit(1))
    key = told(1)
    await house.store.postpone(key, wait_ms=3_600_000, note="status 503")
    assert await keys_waiting(house) == []
    await hurry(house, key)
    assert await keys_waiting(house) == [(key, 2)]


async def test_a_parked_message_is_kept_and_never_sent_again(house: House) -> None:
    await house.begun(submit(1))
    await house.store.park(told(1), "status 410")
    await hurry(house, told(1))
    assert await keys_waiting(house) == []


async def test_the_caller_is_told_the_end_by_the_outbox(house: House) -> None:
    transfer = await house.completed(1)
    assert [each.queue for each in house.delivered] == ["instructions.bravo-1", CALLBACKS]
    await hurry(house, (transfer.id, 2, CALLBACKS))
    (row,) = await house.store.waiting(10)
    assert (row.message.queue, row.message.seq) == (CALLBACKS, 2)


async def test_open_cases_are_shown_the_oldest_first_until_somebody_closes_them(house: House) -> None:
    for number in (1, 2):
        transfer = await house.completed(number)
        await house.door.handle(said(transfer, Operation.CREDIT, Verdict.REFUSED))
    assert [each.transfer for each in await house.store.open_cases(10)] == [transfer_id(1), transfer_id(2)]
    assert [each.transfer for each in await house.store.open_cases(1)] == [transfer_id(1)]
    closing = CloseCase(by="operations", transfer=transfer_id(1), seq=3, why="the statement says so")
    assert isinstance(await house.door.handle(closing), Done)
    assert reason_of(await house.door.handle(closing)) == "record_unknown", "it was closed before"
    assert [each.transfer for each in await house.store.open_cases(10)] == [transfer_id(2)]
    found = await house.store.timeline(transfer_id(1))
    assert found is not None
    assert len(found.cases) == 1, "a closed case stays in the history"


async def test_a_new_scheme_is_in_force_for_the_next_batch_of_every_process(house: House) -> None:
    (elsewhere,) = await house.doors(1)
    assert reason_of(await elsewhere.handle(submit(1, "899"))) == ""
    file = scheme_file()
    suspended = tuple(
        msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == "bravo" else each
        for each in file.participant
    )
    before = (await house.store.scheme()).version
    version = await house.store.apply_scheme(msgspec.structs.replace(file, participant=suspended), "governance")
    assert version > before
    await elsewhere.handle(submit(2))
    assert (await house.transfer(transfer_id(2))).reason == "participant_suspended"
    assert (await elsewhere.store.scheme()).version == version


async def test_a_new_cap_holds_from_the_next_batch_and_moves_no_money(house: House) -> None:
    await house.begun(submit(1, "600"))
    accounts = {(each.participant, each.kind): each for each in await house.store.accounts()}
    await house.store.apply_scheme(scheme_file(cap="500"), "governance")
    await house.door.handle(submit(2, "1"))
    assert (await house.transfer(transfer_id(2))).reason == "cap_exceeded", "what is held is already over the new cap"
    await house.store.apply_scheme(scheme_file(cap="700"), "governance")
    assert (await house.begun(submit(3, "100"))).state is State.RESERVED
    assert (await house.door.handle(submit(4, "1"))).transfer
    assert (await house.transfer(transfer_id(4))).reason == "cap_exceeded"
    after = {(each.participant, each.kind): each for each in await house.store.accounts()}
    assert {key: each.id for key, each in after.items()} == {key: each.id for key, each in accounts.items()}
    assert house.findings() == []


async def test_a_ported_number_is_found_and_forgotten_with_the_scheme_that_lists_it(house: House) -> None:
    party = msisdn(PORTED)
    assert await house.store.overrides(party) == {Identifier("msisdn", PORTED): "bravo"}
    assert (await house.begun(submit(1, payee=PORTED))).payee_fsp == "bravo"
    await house.store.apply_scheme(scheme_file(ported=False), "governance")
    assert await house.store.overrides(party) == {}
    assert (await house.begun(submit(2, payee=PORTED))).payee_fsp == "alpha"


async def test_each_position_has_one_account_and_each_currency_its_own_of_the_scheme(house: House) -> None:
    accounts = await house.store.accounts()
    kinds = {(each.participant, each.kind, each.currency, each.cap_minor) for each in accounts}
    assert kinds == {
        ("alpha", Kind.POSITION, "KES", 1_000_00),
        ("bravo", Kind.POSITION, "KES", 1_000_00),
        *(("", kind, "KES", None) for kind in (Kind.SETTLEMENT_BANK, Kind.FEES, Kind.SUSPENSE)),
        ("", Kind.GUARANTEE, "KES", 0),
    }
    assert len(accounts) == len(kinds)


def credential(*, enabled: bool = True, secret: str = "first") -> Credential:
    return Credential(
        client_id="alpha-app",
        participant="alpha",
        secret_hash=secret_hash(secret),
        api_key_hash=secret_hash("key"),
        enabled=enabled,
    )


async def test_a_credential_is_kept_and_changed(house: House) -> None:
    await house.store.save_credential(credential())
    assert await house.store.credential("alpha-app") == credential()
    await house.store.save_credential(credential(secret="second"))
    assert await house.store.credential("alpha-app") == credential(secret="second")


@pytest.mark.parametrize(
    ("hash_", "lasts_ms", "enabled", "valid"),
    [
        (b"token", 60_000, True, True),
        (b"another", 60_000, True, False),
        (b"token", -1, True, False),
        (b"token", 60_000, False, False),
    ],
    ids=["valid", "unknown", "expired", "its credential is switched off"],
)
async def test_a_token_stands_for_its_credential_while_both_hold(
    house: House, hash_: bytes, lasts_ms: int, *, enabled: bool, valid: bool
) -> None:
    await house.store.save_credential(credential())
    await house.store.save_token(b"token", "alpha-app", time.time_ns() // 1_000_000 + lasts_ms)
    await house.store.save_credential(credential(enabled=enabled))
    assert await house.store.token(hash_) == (credential(enabled=enabled) if valid else None)


async def test_a_transfer_that_waits_for_an_operator_alone_is_not_due(house: House) -> None:
    file = scheme_file(lifetime_s=1)
    hurried = msgspec.structs.replace(file, scheme=msgspec.structs.replace(file.scheme, lapse_margin_s=0))
    await house.store.apply_scheme(hurried, "test")
    transfer = await house.begun(submit(1))
    while not await house.store.open_cases(10):  # after its lease, which is a second
        await house.door.handle(Due(transfer=transfer.id))
    assert [str(each.kind) for each in await house.store.open_cases(10)] == ["exhausted"]
    assert await house.store.due(10) == []
