"""The folder that is shared with the bank: each file in it alone, taken once whoever looks, and laid aside rightly."""

import asyncio
import os
from pathlib import Path

import pytest

from hub.core.command import Reason, Refusal, Result
from hub.core.office.files import Import
from hub.core.office.records import File
from hub.core.record import Desk
from hub.core.settlement.window import Payment, PaymentState
from hub.flow import Door
from hub.workers import files as worker
from hub.workers.files import IN, SIGNATURE, SIGNED_WITHIN_S, Files
from tests.store.bank import HUB_KEY, booked, csv_of, files, keys, payment, released, signed
from tests.store.house import House


def looking(door: Door, folder: Path) -> Files:
    return Files(door, HUB_KEY, keys, folder)


def put(folder: Path, name: bytes, content: bytes, signature: str) -> Path:
    (folder / IN).mkdir(exist_ok=True)
    path = folder / IN / os.fsdecode(name)
    path.write_bytes(content)
    path.with_name(path.name + SIGNATURE).write_text(signature)
    return path


def answer(folder: Path, *paid: Payment, name: str = "b.csv") -> Path:
    """A good file, which comes after those whose names begin with an a."""
    content = csv_of(*(booked(each, statement=name) for each in paid))
    return put(folder, name.encode(), content, signed(content, name))


def laid(folder: Path) -> dict[str, str]:
    """Where each file is now."""
    return {path.name: path.parent.name for path in folder.rglob("*.csv*") if path.parent != folder}


async def test_a_name_that_is_no_text_is_refused_and_holds_up_no_other(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    put(tmp_path, b"a-\xff.csv", b"junk", "x.y.z")
    answer(tmp_path, paid, due)
    await looking(house.door, tmp_path).look()
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    (refused,) = [each for each in await files(house, origin="bank") if each.refused]
    assert refused.name == "a-\ufffd.csv"
    assert laid(tmp_path)["b.csv"] == "taken"
    assert not list((tmp_path / IN).iterdir())


async def test_a_file_that_cannot_be_read_holds_up_no_other(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    secret = tmp_path / "secret"
    secret.write_text("of the hub's own")
    path = put(tmp_path, b"a.csv", b"", "x.y.z")
    path.unlink()
    path.symlink_to(secret)
    answer(tmp_path, paid, due)
    await looking(house.door, tmp_path).look()
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    assert path.is_symlink(), "what is not the bank's own is not read, and stays"
    assert [each.name for each in await files(house, origin="bank")] == ["b.csv"]


async def test_a_worker_that_is_killed_between_has_taken_the_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, due = await released(house)
    answer(tmp_path, paid, due)

    def killed(_: Path, __: Path) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(worker, "_lay_aside", killed)
        with pytest.raises(asyncio.CancelledError):
            await looking(house.door, tmp_path).look()
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    await looking(house.door, tmp_path).look()
    assert laid(tmp_path) == {"b.csv": "taken", f"b.csv{SIGNATURE}": "taken"}
    assert [each.refused for each in await files(house, origin="bank")] == [""]


@pytest.mark.parametrize("is_old", [False, True])
async def test_several_workers_take_each_file_once(house: House, tmp_path: Path, *, is_old: bool) -> None:
    paid, due = await released(house)
    names = [f"{number}.csv" for number in range(6)]
    long_ago = 1_700_000_000 - SIGNED_WITHIN_S
    for name in names:
        path = answer(tmp_path, paid, due, name=name)
        if is_old:  # then a file without its signature is not waited for
            os.utime(path, (long_ago, long_ago))
    workers = [looking(door, tmp_path) for door in await house.doors(3)]
    await asyncio.gather(*(each.look() for each in workers for _ in range(2)))
    found = await files(house, origin="bank")
    assert sorted(each.name for each in found) == names
    assert not any(each.refused for each in found)
    assert set(laid(tmp_path).values()) == {"taken"}
    assert len(laid(tmp_path)) == 2 * len(names)


async def test_a_file_that_is_to_be_read_again_stays_until_then(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, due = await released(house)
    path = answer(tmp_path, paid, due)

    def made_just_now(_: Import, __: Desk) -> Result:
        return Refusal(reason=Reason.RECORD_FORBIDS, detail="a payment it names was made just now: import it anew")

    with monkeypatch.context() as patched:
        patched.setattr(Import, "decide", made_just_now)
        await looking(house.door, tmp_path).look()
    assert path.exists()
    assert await files(house, origin="bank") == []
    await looking(house.door, tmp_path).look()
    assert laid(tmp_path)["b.csv"] == "taken"


async def test_a_file_that_the_hub_breaks_of_stays_and_holds_up_no_other(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, due = await released(house)
    real = Import.decide

    def broken(deed: Import, desk: Desk) -> Result:
        if deed.name == "a.csv":
            raise KeyError("a fault of the program")
        return real(deed, desk)

    monkeypatch.setattr(Import, "decide", broken)
    path = answer(tmp_path, paid, name="a.csv")
    answer(tmp_path, paid, due)
    await looking(house.door, tmp_path).look()
    assert path.exists()
    assert laid(tmp_path)["b.csv"] == "taken"


async def test_a_bank_without_keys_gets_nothing_taken_from_the_folder(house: House, tmp_path: Path) -> None:
    paid, due = await released(house)
    path = answer(tmp_path, paid, due)
    os.utime(path, (1, 1))
    await Files(house.door, HUB_KEY, lambda _: {}, tmp_path).look()
    assert laid(tmp_path)["b.csv"] == "refused"
    (refused,) = await files(house, origin="bank")
    assert "has no keys" in refused.refused
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED


async def test_one_order_that_cannot_be_put_out_holds_up_no_other(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await released(house)
    await Files(house.door, HUB_KEY, keys).look()
    first, second = await files(house, origin="")
    real = worker.put

    def full(folder: Path, file: File) -> Path:
        if file.id == first.id:
            raise OSError("no space left on device")
        return real(folder, file)

    monkeypatch.setattr(worker, "put", full)
    await looking(house.door, tmp_path).look()
    assert (tmp_path / second.name).exists()
    found = {each.id: each.due_ms for each in await files(house, origin="")}
    assert found[first.id] is not None, "it is put out later"
    assert found[second.id] is None
