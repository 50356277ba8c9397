"""What a bus is: it carries, the outbox is the truth; it must never be the only place where work exists.

Two buses keep this contract: `routing.rabbit` between processes, `routing.local` inside one. Only bytes
cross it. `publish` returns when the message is as safe as the bus can make it (on RabbitMQ: the broker's
confirm); any error means "perhaps delivered", so the caller repeats and the receiver tells repeats apart.
No order is promised. What arrives together is handed over together.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from routing.topology import Queue

# Takes the encoded envelopes of one message. Returning settles them; raising has them delivered again.
Take = Callable[[Sequence[bytes]], Awaitable[None]]
# Answers one encoded question with one encoded answer.
Reply = Callable[[bytes], Awaitable[bytes]]

ENVELOPES_MAX: Final = 64  # envelopes in one message
PUBLISH_WITHIN_S: Final = 10  # then it is unsure whether the message is safe
ANSWERS_AT_ONCE: Final = 32  # questions of one queue answered at the same time
ALONE_AFTER: Final = 3  # attempts after which the envelopes of a message part, so that a bad one fails alone
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 30.0


def pause_s(attempts: int, longest_s: float = RETRY_MAX_S) -> float:
    """Return how long to wait before a message is handed over again: doubled each time, up to `longest_s`.

    With topology.DELIVERY_LIMIT attempts this bridges more than 20 minutes without a database.
    """
    return min(RETRY_FIRST_S * 2.0 ** min(attempts, 32), longest_s)


class BusError(Exception):
    """The bus could not say that the message is safe: it may or may not arrive."""


class NoAnswerError(BusError):
    """A question was not answered in time."""


class Bus(Protocol):
    """Carries lists of envelopes between queues."""

    async def start(self, queues: Sequence[Queue]) -> None:
        """Connect, and declare the queues; idempotent, called again when the scheme gains connections."""

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        """Carry the envelopes, each a JSON document, to the queue; raises BusError when it is unsure they are safe."""

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        """Hand every message of the queue to `take`, at most `prefetch` at once; returns at once."""

    async def ask(self, queue: str, question: bytes, *, timeout_s: float) -> bytes:
        """Put a question and wait for its answer; raises NoAnswerError, or BusError when it could not be put."""

    async def answer(self, queue: str, reply: Reply) -> None:
        """Answer the questions of a queue; returns at once."""

    def alive(self) -> bool:
        """Say whether it can carry anything now."""

    async def close(self) -> None:
        """Stop taking, let what was taken finish, disconnect."""
