"""The hub's own keys: configured, or made once and kept in `var` for its owner alone; they must never be logged."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from hub.core.participant import Scheme, SchemeFile
from hub.settings import Settings
from hub.workers.signing import Signer, new_key
from routing.seal import Seal


def callback_key(settings: Settings) -> bytes:
    """Return the key of callback addresses: addresses that were given out must outlive a restart."""
    if settings.callback_key is not None:
        return settings.callback_key.get_secret_value().encode()
    return _kept(settings.var / "callback.key", lambda: secrets.token_hex(32)).encode()


def seal_of(settings: Settings) -> Seal | None:
    """Return what seals customers' credentials and identities; None where processes might not have the same key.

    Sealing under a key that no adapter has would take a customer's order and never be able to send it. A worker needs
    it for the rows of batches.
    """
    if settings.seal_key is not None:
        return Seal([each.encode() for each in settings.seal_key.get_secret_value().split()])
    if settings.callback_key is not None or settings.broker_url is None:
        return Seal([callback_key(settings)])
    return None


def signer_of(settings: Settings) -> Signer:
    """Return what signs notices; each process must have the same key, or what one publishes another does not sign."""
    if settings.signing_key is not None:
        return Signer(settings.signing_key.get_secret_value())
    return Signer(_kept(settings.var / "signing.pem", new_key))


def unreadable(file: SchemeFile) -> list[str]:
    """Say which settlement banks' keys cannot be read on this machine: where workers cannot, no bank is heard."""
    return [
        f"settlement_bank {bank.name!r}: its keys are not at {path} on this machine; are they where workers run?"
        for bank in file.settlement_bank
        if (path := bank.keys.removeprefix("file:")) and not Path(path).is_file()
    ]


def bank_keys(scheme: Scheme) -> dict[str, bytes]:
    """Read the key sets of the settlement banks that have some, by currency; raises ValueError or OSError.

    They are read at every use, so that a key which is taken away lets nothing in any more.
    """
    found: dict[str, bytes] = {}
    for currency, bank in scheme.banks.items():
        if bank.keys:
            where, _, path = bank.keys.partition(":")
            if where != "file" or not path:
                raise ValueError(f"settlement_bank {bank.name!r}: keys are file:PATH of a JWKS, not {bank.keys!r}")
            try:
                found[currency] = Path(path).read_bytes()
            except OSError as error:
                text = f"its keys are not at {path} ({error.strerror}): put them there, or correct the scheme"
                raise ValueError(f"settlement_bank {bank.name!r}: {text}") from error
    return found


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Read a key, made and put there whole by whoever comes first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)  # of mode 0600
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
        Path(name).unlink()
    return path.read_text("ascii")
