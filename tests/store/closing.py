"""A process that closes windows at random moments until it is told to stop: python -m tests.store.closing URL SEED."""

import asyncio
import random
import sys

from hub.core.settlement.close import CloseWindow
from hub.core.settlement.window import Window
from hub.flow import Door
from hub.store.sql import SqlStore
from routing.local import LocalBus

PAUSE_MAX_S = 0.06


async def closing(url: str, seed: str, stop: asyncio.Event) -> int:
    """Close whatever is open, one after the other and all at once; returns how many it closed."""
    chance = random.Random(seed)
    store = SqlStore(url, writers=1, readers=1)
    await store.open()
    door = Door(store, LocalBus(), lambda _: None)
    done = 0
    while not stop.is_set():
        await asyncio.sleep(chance.uniform(0, PAUSE_MAX_S))
        found = await store.records.found(Window, state="open")
        chosen = chance.sample(found, chance.randint(0, len(found)))
        results = await door.handle_all([CloseWindow(by=f"closer {seed}", window=each.id) for each in chosen])
        done += sum(not each.reason for each in results)
    await store.close()
    return done


async def _until_told(url: str, seed: str) -> None:
    stop = asyncio.Event()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    work = asyncio.create_task(closing(url, seed, stop))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await reader.read()
    stop.set()
    sys.stdout.write(f"{await work}\n")


if __name__ == "__main__":
    asyncio.run(_until_told(*sys.argv[1:]))
