"""The names of exchanges and queues, in one place; no connection is opened here.

Topology is declared at start, before serving, never on first use: a quorum queue declared seconds
before its broker dies may be lost with its messages.
"""

from typing import Final, NamedTuple

INSTRUCTIONS: Final = "instructions"
OUTCOMES: Final = "outcomes"
INQUIRIES: Final = "inquiries"
DEAD: Final = "dead"

# A poison message must not be judged by the broker: attempts are counted in the database, so the limit is high.
DELIVERY_LIMIT: Final = 50
INQUIRY_EXPIRY_MS: Final = 15_000


class Queue(NamedTuple):
    """A queue, the exchange it hangs on, and whether its messages must survive a crash."""

    name: str
    exchange: str
    durable: bool


def instructions(connection: str) -> str:
    """Name the queue of instructions to one connection."""
    return f"{INSTRUCTIONS}.{connection}"


def inquiries(connection: str) -> str:
    """Name the queue of questions to one connection."""
    return f"{INQUIRIES}.{connection}"


def queues(connections: list[str]) -> list[Queue]:
    """List every queue that a scheme with these connections needs."""
    fixed = [Queue(OUTCOMES, OUTCOMES, True)]
    for connection in connections:
        fixed.append(Queue(instructions(connection), INSTRUCTIONS, True))
        fixed.append(Queue(inquiries(connection), INQUIRIES, False))
    return fixed
