"""Admitting a participant's software: secrets are made here, shown once, and kept only as hashes."""

import secrets
from typing import NamedTuple

from hub.core.participant import SchemeError
from hub.store.contract import Store
from hub.store.read import Credential
from hub.store.sql import secret_hash


class Issued(NamedTuple):
    """Credentials in clear; they exist nowhere else."""

    client_id: str
    secret: str
    api_key: str

    def __repr__(self) -> str:
        return f"Issued({self.client_id})"


async def admit(store: Store, participant: str, client_id: str) -> Issued:
    """Make credentials for a participant of the scheme in force; the same client id gets new ones."""
    known = (await store.scheme()).participants
    if participant not in known:
        raise SchemeError(f"no participant {participant!r}; known are {', '.join(known)}")
    issued = Issued(client_id, secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    await store.save_credential(
        Credential(
            client_id=client_id,
            participant=participant,
            secret_hash=secret_hash(issued.secret),
            api_key_hash=secret_hash(issued.api_key),
        )
    )
    return issued
