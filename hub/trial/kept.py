"""What a world that starts again keeps: the scheme in force and its participants' credentials; it says what it renewed.

An operator's own scheme is never undone. The demo's own, of an older version, gives way to the newer one: by two people
where there are operators, as any scheme does.
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from hub.core.office.applying import ApplyScheme, names_of
from hub.core.office.operators import ADMINS_MIN
from hub.core.office.records import Operator
from hub.core.office.scheme_difference import difference
from hub.core.participant import NoSchemeError, SchemeFile
from hub.flow import Door
from hub.roles.credentials import Issued, admit
from hub.store.sql import SqlStore, secret_hash
from hub.trial.prefunding import by_two
from routing.local import LocalBus

DEMO: Final = "demo"  # who applies the demo's scheme
WHY: Final = "the demo's scheme is another by now"


async def in_force(database: str, file: SchemeFile) -> str:
    """Have a scheme in force: this one, where there is none but the demo's own older one; returns what came of it."""
    store = SqlStore(database)
    await store.open()
    try:
        return await _in_force(store, file)
    finally:
        await store.close()


async def _in_force(store: SqlStore, file: SchemeFile) -> str:
    try:
        found = await store.scheme()
    except NoSchemeError:
        return f"the demo's is in force, as version {await store.apply_scheme(file, DEMO)}"
    if not difference(found.file, file):
        return f"version {found.version} is in force and was kept: it is the demo's"
    (applied,) = await store.search.schemes(limit=1)
    if applied.applied_by != DEMO:
        return f"version {found.version}, applied by {applied.applied_by}, was kept: it is not the demo's own"
    admins = sorted(each.id for each in await store.records.found(Operator, admin="yes"))
    if len(admins) < ADMINS_MIN:
        version = await store.apply_scheme(file, DEMO)
    else:
        version = await _by_two(store, file, admins)
    return f"the demo's has changed, and is in force as version {version}"


async def _by_two(store: SqlStore, file: SchemeFile, admins: list[str]) -> int:
    """Have one admin propose the scheme, and another approve it; raises ValueError where it is refused."""
    before = await store.scheme()
    deed = ApplyScheme(by=admins[0], base=before.version, models=names_of(before.file), file=file, why=WHY)
    await by_two(Door(store, LocalBus(), lambda _: None), deed, admins[1], why=WHY, subject=DEMO)
    return (await store.scheme()).version


async def issued_to(store: SqlStore, participants: Iterable[str], known: Mapping[str, Issued]) -> dict[str, Issued]:
    """Return everybody's credentials: those that are known and still good, new ones for the others."""
    found = {}
    for name in participants:
        is_good = name in known and await _is_good(store, known[name])
        found[name] = known[name] if is_good else await admit(store, name, name)
    return found


async def _is_good(store: SqlStore, issued: Issued) -> bool:
    credential = await store.credential(issued.client_id)
    if credential is None or not credential.enabled:
        return False
    pairs = ((credential.secret_hash, issued.secret), (credential.api_key_hash, issued.api_key))
    return all(hmac.compare_digest(kept, secret_hash(clear)) for kept, clear in pairs)
