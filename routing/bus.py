"""What a bus is: it carries, the outbox is the truth; it must never be the only place where work exists.

Two buses keep this contract: `routing.rabbit` between processes, `routing.local` inside one. Only bytes
cross it. `publish` returns when the message is as safe as the bus can make it (on RabbitMQ: the broker's
confirm); any error means "perhaps delivered", so the caller repeats and the receiver tells repeats apart.
No order is promised. What arrives together is handed over together.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from routing.topology import Queue

# Takes the encoded envelopes of one message. Returning settles them; raising has them delivered again.
Take = Callable[[Sequence[bytes]], Awaitable[None]]
# Answers one encoded question with one encoded answer.
Reply = Callable[[bytes], Awaitable[bytes]]

ENVELOPES_MAX = 64  # envelopes in one message


class BusError(Exception):
    """The bus could not say that the message is safe: it may or may not arrive."""


class NoAnswerError(BusError):
    """A question was not answered in time."""


class Bus(Protocol):
    """Carries lists of envelopes between queues."""

    async def start(self, queues: Sequence[Queue]) -> None:
        """Connect, and declare the queues; idempotent, called again when the scheme gains connections."""

    async def publish(self, queue: str, envelopes: Sequence[bytes]) -> None:
        """Carry the envelopes to the queue; returns when they are safe, raises BusError when that is unsure."""

    async def consume(self, queue: str, take: Take, *, prefetch: int = 16) -> None:
        """Hand every message of the queue to `take`, at most `prefetch` at once; returns at once."""

    async def ask(self, queue: str, question: bytes, *, timeout_s: float) -> bytes:
        """Put a question and wait for its answer; raises NoAnswerError."""

    async def answer(self, queue: str, reply: Reply) -> None:
        """Answer the questions of a queue; returns at once."""

    async def close(self) -> None:
        """Stop taking, let what was taken finish, disconnect."""
