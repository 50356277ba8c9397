"""Operators: who they are, and which role may do what; two admins admit the others, and two are always left.

Whoever is not known here is none of them: the calendar, the settlement bank's files, the hub itself. The doors see to
it that people are known. A disabled operator can do nothing, and nobody's own roles are changed with one's own word.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.applying import ApplyScheme
from hub.core.office.funds import missing_why
from hub.core.office.liquidity import Block
from hub.core.office.proposal import ADMINS, REJECTING, RESERVED, Approve, Dismiss, Propose
from hub.core.office.records import Operator, OperatorRole
from hub.core.participant import Scheme
from hub.core.record import Deed, Desk, Selector

ADMINS_MIN: Final = 2
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
NAMES: Final = f"has 2 to 64 of a-z 0-9 . _ - and is none of {', '.join(sorted(RESERVED))}"
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class _Change(Deed, frozen=True, kw_only=True):
    """What changes an operator."""

    checked: ClassVar[bool] = True
    operator: str
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want the operator, and all admins: they are counted."""
        return Selector(Operator, "id", self.operator), ADMINS

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse a change without a reason."""
        return missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Change an operator that is there."""
        found = desk.get(Operator, self.operator)
        if found is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail=f"there is no operator {self.operator!r}")
        changed = _counted(self.changed(found))
        if changed == found:
            return Done(changed=False)
        if not found.enabled:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"{self.operator} is disabled; admit it again")
        if self.operator in (self.by, desk.approved_by):
            return Refusal(reason=Reason.SAME_PERSON, detail="one's own roles are changed by two others")
        if found.admin and not changed.admin and len(desk.where(Operator, admin="yes")) <= ADMINS_MIN:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="two admins are always left; admit another first")
        desk.keep(msgspec.structs.replace(changed, by=self.by, approved_by=desk.approved_by))
        return Done()

    def changed(self, found: Operator) -> Operator:
        """Return the operator as it is to be."""
        raise NotImplementedError


class ChangeRoles(_Change, frozen=True, kw_only=True):
    """Give an operator other roles."""

    roles: tuple[OperatorRole, ...]

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse no roles."""
        return _no_roles(self.roles) or super().faulty(scheme)

    def changed(self, found: Operator) -> Operator:
        """Return the operator with these roles."""
        return msgspec.structs.replace(found, roles=self.roles)


class DisableOperator(_Change, frozen=True, kw_only=True):
    """Let an operator do nothing any more, and be let in nowhere."""

    def changed(self, found: Operator) -> Operator:
        """Return the operator, disabled."""
        return msgspec.structs.replace(found, enabled=False)


class AdmitOperator(Deed, frozen=True, kw_only=True):
    """Admit somebody, or somebody who was disabled again; of the secret, only its SHA-256 is ever said."""

    checked: ClassVar[bool] = True
    operator: str  # the name to log in with
    roles: tuple[OperatorRole, ...]
    secret_hash: str
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want whoever has this name, and all admins: they are counted."""
        return Selector(Operator, "id", self.operator), ADMINS

    def faulty(self, scheme: Scheme) -> Refusal | None:  # noqa: ARG002 - the scheme has no say in it
        """Refuse a name, roles or a hash that are none."""
        if not is_name(self.operator):
            return Refusal(reason=Reason.TERMS_INVALID, detail=f"a name {NAMES}")
        if not _HASH.fullmatch(self.secret_hash):
            return Refusal(reason=Reason.TERMS_INVALID, detail="secret_hash: SHA-256, 64 lower-case hexadecimal digits")
        return _no_roles(self.roles) or missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Admit it, unless it is admitted."""
        found = desk.get(Operator, self.operator)
        if found is not None and found.enabled:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"{self.operator} is admitted already")
        operator = Operator(
            id=self.operator,
            at_ms=desk.now_ms if found is None else found.at_ms,
            roles=self.roles,
            secret_hash=self.secret_hash,
            by=self.by,
            approved_by=desk.approved_by,
        )
        desk.keep(_counted(operator))
        return Done()


def is_name(text: str) -> bool:
    """Say whether an operator may be called so."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


class FoundOffice(AdmitOperator, frozen=True, kw_only=True):
    """Admit the first two admins, whom nobody could approve: done beside the database, and by no API."""

    checked: ClassVar[bool] = False
    counts: ClassVar[bool] = True  # who comes at the same moment as the second is the third

    def decide(self, desk: Desk) -> Result:
        """Admit an admin while there are not two."""
        if OperatorRole.ADMIN not in self.roles:
            return Refusal(reason=Reason.TERMS_INVALID, detail="the first two operators are admins, among other roles")
        if len(desk.where(Operator, admin="yes")) >= ADMINS_MIN:
            return Refusal(reason=Reason.CHECKER_NEEDED, detail="there are two admins: they admit the others")
        return super().decide(desk)


# Who proposes a deed, or does it where it needs one alone; whatever is not listed is for makers.
ALLOWED: Final[Mapping[type[Deed], OperatorRole]] = {
    AdmitOperator: OperatorRole.ADMIN,
    ChangeRoles: OperatorRole.ADMIN,
    DisableOperator: OperatorRole.ADMIN,
    FoundOffice: OperatorRole.ADMIN,
    ApplyScheme: OperatorRole.ADMIN,
}


# What only protects, and undoes nothing, is done by whoever does anything at all.
_PROTECTING: Final[frozenset[type[Deed]]] = frozenset({Block})
ACTING: Final = frozenset(OperatorRole) - {OperatorRole.VIEWER}


def role_for(kind: type[Deed]) -> OperatorRole:
    """Return who proposes deeds of this kind."""
    return ALLOWED.get(kind, OperatorRole.MAKER)


def roles_for(kind: type[Deed]) -> frozenset[OperatorRole]:
    """Return who proposes deeds of this kind, or does them alone: any of them may."""
    return ACTING if kind in _PROTECTING else frozenset({role_for(kind)})


def approver_of(kind: type[Deed]) -> OperatorRole:
    """Return who approves deeds of this kind: of what admins propose, another admin."""
    return OperatorRole.ADMIN if role_for(kind) is OperatorRole.ADMIN else OperatorRole.CHECKER


def forbidden(deed: Deed, desk: Desk) -> Refusal | None:
    """Say why an operator may not bring a deed about; None: it may, or it is no operator's deed.

    Whoever proposed what is approved must still be allowed to propose it.
    """
    if isinstance(deed, Approve):
        maker = desk.get(Operator, deed.deed.by)
        if (refused := _not_for(maker, Propose(by=deed.deed.by, proposal="", deed=deed.deed, why=""))) is not None:
            return msgspec.structs.replace(refused, detail=f"who proposed it may not any more: {refused.detail}")
    return _not_for(desk.get(Operator, deed.by), deed)


def _not_for(operator: Operator | None, deed: Deed) -> Refusal | None:
    if operator is None:
        return None
    if not operator.enabled:
        return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{operator.id} is disabled")
    wanted = _roles_for(deed)
    if wanted & set(operator.roles):
        return None
    detail = f"{type(deed).__name__} is for {' or '.join(sorted(wanted))}; {operator.id} is {', '.join(operator.roles)}"
    return Refusal(reason=Reason.ROLE_FORBIDS, detail=detail)


def _roles_for(deed: Deed) -> frozenset[OperatorRole]:
    match deed:
        case Propose():
            return roles_for(type(deed.deed))
        case Approve():
            return frozenset({approver_of(type(deed.deed))})
        case Dismiss():
            return REJECTING | {OperatorRole.MAKER}
    return roles_for(type(deed))


def _no_roles(roles: Sequence[OperatorRole]) -> Refusal | None:
    if roles and len(set(roles)) == len(roles):
        return None
    return Refusal(reason=Reason.TERMS_INVALID, detail=f"name some of {', '.join(OperatorRole)}, each once")


def _counted(operator: Operator) -> Operator:
    is_admin = operator.enabled and OperatorRole.ADMIN in operator.roles
    return msgspec.structs.replace(operator, admin="yes" if is_admin else "")
