"""Applying a scheme: who takes part, caps, models, the banks' keys change by two people, in the commit that approves.

The first scheme, and any before there are two admins, is put in force beside the database: nobody could approve it.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from hub.core.change import InForce
from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.funds import missing_why
from hub.core.office.liquidity import caps_to_set
from hub.core.participant import AccountKey, Scheme, SchemeError, SchemeFile, check
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.names import line_of, window_id
from hub.core.settlement.window import Window


class ApplyScheme(Deed, frozen=True, kw_only=True):
    """Put a scheme in force in the place of another."""

    checked: ClassVar[bool] = True
    base: int  # the version that it takes the place of
    models: tuple[str, ...]  # the settlement models of that version: their open windows may be cut
    file: SchemeFile
    why: str

    def is_last(self) -> bool:
        """End its batch: what comes with it is decided under it."""
        return True

    def wants(self) -> Sequence[Selector]:
        """Want the windows that it may cut."""
        return [Selector(Window, "unsettled", line_of(window_id(each, 1))) for each in self.models]

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - whatever is kept
        """Want the positions whose caps it sets."""
        return caps_to_set(scheme.file, self.file)

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - it is held against it under lock
        """Refuse a scheme that contradicts itself."""
        try:
            check(self.file)
        except SchemeError as error:
            return Refusal(reason=Reason.TERMS_INVALID, detail=str(error))
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Have it written with this commit, unless another was applied since it was proposed."""
        if self.base != desk.scheme.version or desk.decided.scheme is not None:
            detail = f"version {desk.scheme.version} is in force, not {self.base}: look at the difference again"
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=detail)
        if self.models != names_of(desk.scheme.file):
            detail = f"models: those of version {self.base} are {', '.join(names_of(desk.scheme.file)) or 'none'}"
            return Refusal(reason=Reason.TERMS_INVALID, detail=detail)
        if self.file == desk.scheme.file:
            return Done(changed=False)
        by = f"{self.by} and {desk.approved_by}"
        desk.decided.scheme = InForce(base=self.base, file=self.file, by=by, at_ms=desk.now_ms)
        return Done()


def names_of(file: SchemeFile) -> tuple[str, ...]:
    """Return the names of a scheme's settlement models."""
    return tuple(each.name for each in file.settlement_model)
