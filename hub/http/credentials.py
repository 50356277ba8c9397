"""Customers' own credentials in the headers of a write: checked for their form and sealed; never read, kept or logged.

Only the adapter of the participant that debits, or makes something for, the customer opens them again.
"""

import re
from typing import Final

from hub.http.api import Api, Call
from hub.http.errors import ApiError, invalid

HEADER_MAX: Final = 4_096
BEARER: Final = "X-User-Bearer"
CREDENTIALS: Final = ("X-User-Credential-1", "X-User-Credential-2")
# What is encrypted has at least one block of 128 bits: 22 characters of base64, 32 of hexadecimal; a PIN has neither.
_ENCRYPTED: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}={0,2}|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


def sealed(api: Api, call: Call, transfer: str) -> str:
    """Return what the headers say of the customer, sealed for this transfer; nothing when they say nothing."""
    headers = call.request.headers
    found = {name.lower(): _checked(name, headers[name].strip()) for name in (BEARER, *CREDENTIALS) if name in headers}
    if BEARER.lower() in found:  # the specification's text shows the token alone, its samples the scheme as well
        found[BEARER.lower()] = _token(found[BEARER.lower()])
    if api.settings.user_credentials_encrypted_only:
        for name in CREDENTIALS:
            if name.lower() in found and not _ENCRYPTED.fullmatch(found[name.lower()]):
                raise invalid(name, "formatError", "Encrypt it for the account's institution; the hub cannot read it.")
    if not found:
        return ""
    if api.seal is None:
        raise ApiError("businessRule", "genericError", "This hub is not set up to carry customers' credentials.")
    return api.seal.sealed(found, transfer=transfer)


def _checked(name: str, value: str) -> str:
    """Refuse what is too long or no text of a header, without repeating it."""
    if not value:
        raise invalid(name, "mandatoryValueNotSupplied", "Send a value, or leave the header out.")
    if len(value) > HEADER_MAX:
        raise invalid(name, "lengthError", f"Send at most {HEADER_MAX} characters.")
    if not _VISIBLE.fullmatch(value):
        raise invalid(name, "formatError", "Send visible characters of ASCII only.")
    return value


def _token(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        value = rest.strip()
    if not value or " " in value:
        raise invalid(BEARER, "formatError", "Send one access token, with or without 'Bearer' before it.")
    return value
