"""An operator's word for tests of what it does to a transfer: what `Rule` hands on when two people have said it.

That it takes two is tested with `Rule` itself; nothing but tests may have a deed like this one.
"""

from collections.abc import Sequence

from hub.core.command import Result, Ruling
from hub.core.record import Deed, Desk
from hub.core.transfer import State
from routing.message import Verdict


class Ruled(Deed, frozen=True, kw_only=True):
    """Say what became of the operation that a transfer waits for, or whether a flagged one goes on."""

    transfer: str
    state: State
    verdict: Verdict
    why: str

    def originals(self) -> Sequence[str]:
        return (self.transfer,)

    def decide(self, desk: Desk) -> Result:
        return desk.rule(
            Ruling(transfer=self.transfer, state=self.state, verdict=self.verdict, by=self.by, why=self.why)
        )
