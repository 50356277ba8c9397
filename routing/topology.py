"""The names of exchanges and queues, in one place; no connection is opened here.

Topology is declared at start, before serving, never on first use: a quorum queue declared seconds
before its broker dies may be lost with its messages.
"""

from typing import Any, Final, NamedTuple

INSTRUCTIONS: Final = "instructions"
OUTCOMES: Final = "outcomes"
INQUIRIES: Final = "inquiries"
DEAD: Final = "dead"

# A poison message must not be judged by the broker: attempts are counted in the database, so the limit is high.
DELIVERY_LIMIT: Final = 50
INQUIRY_EXPIRY_MS: Final = 15_000
# A full queue refuses, so that the sender keeps its work; the broker must not run into its memory alarm first.
MESSAGES_MAX: Final = 1_000_000
QUESTIONS_MAX: Final = 10_000

EXCHANGE_TYPES: Final = {INSTRUCTIONS: "topic", OUTCOMES: "topic", INQUIRIES: "direct", DEAD: "fanout"}


class Queue(NamedTuple):
    """A queue, the exchange it hangs on, and whether its messages must survive a crash."""

    name: str
    exchange: str
    durable: bool

    @property
    def arguments(self) -> dict[str, Any]:
        """Return RabbitMQ's arguments, valid from 3.10 to 4.x; a queue's arguments cannot be changed later."""
        if not self.durable:
            return {
                "x-queue-type": "classic",
                "x-message-ttl": INQUIRY_EXPIRY_MS,
                "x-max-length": QUESTIONS_MAX,
                "x-overflow": "reject-publish",
            }
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-strategy": "at-least-once",
            "x-max-length": MESSAGES_MAX,
            "x-overflow": "reject-publish",  # at-least-once dead letters require it
        }


# Without a limit here RabbitMQ 4 drops what an operator has looked at twenty times.
DEAD_ARGUMENTS: Final[dict[str, Any]] = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}


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
