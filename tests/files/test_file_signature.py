"""A signed file is taken as it was signed, by who signed it, under its name, for its window; nothing else is."""

import base64
import hashlib
import hmac
import json
import warnings
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from hub.files.keys import SigningKey, new_key
from hub.files.shapes import FileRefusedError
from hub.files.signature import sign, verify

CONTENT: Final = b"record,amount\r\nrow,150.50\r\n" * 10_000
NAME, WINDOW, CREATED_MS = "order-w1.csv", "w1", 1_767_268_800_000
KEY: Final = SigningKey(new_key())
SIGNATURE: Final = sign(CONTENT, name=NAME, window=WINDOW, created_ms=CREATED_MS, key=KEY)


def verified(signature: str = SIGNATURE, content: bytes = CONTENT, jwks: bytes = KEY.jwks, **other: Any) -> Any:
    return verify(content, **{"name": NAME, "window": WINDOW, **other}, signature=signature, jwks=jwks)


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def header(**changed: object) -> dict[str, Any]:
    return {**json.loads(base64.urlsafe_b64decode(SIGNATURE.partition(".")[0] + "==")), **changed}


def signed_by(key: ECKey | OKPKey, **changed: object) -> str:
    """A signature whose header says whatever it is told to."""
    said = header(**changed)
    algorithm = jws.JWSRegistry.algorithms["ES256" if isinstance(key, ECKey) else "Ed25519"]
    head = encoded(said)
    return f"{head}..{encoded(algorithm.sign(head.encode() + b'.' + CONTENT, key))}"


def key_set(*keys: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"keys": keys})


def test_what_was_signed_is_taken_and_says_when_by_whom_and_for_what() -> None:
    said = verified()
    assert (said.name, said.window, said.created_ms) == (NAME, WINDOW, CREATED_MS)
    assert said.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert said.kid == msgspec.json.decode(KEY.jwks)["keys"][0]["kid"]
    assert verified(SIGNATURE + "\n", window=None) == said


@given(at=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_one_changed_bit_is_refused(at: int, bit: int) -> None:
    changed = CONTENT[:at] + bytes([CONTENT[at] ^ (1 << bit)]) + CONTENT[at + 1 :]
    with pytest.raises(FileRefusedError, match="does not hold"):
        verified(content=changed)


@given(at=st.integers(0, len(SIGNATURE) - 2), to=st.sampled_from("Aaz09-_.=+"))
def test_no_changed_character_of_the_signature_goes_unnoticed(at: int, to: str) -> None:
    changed = SIGNATURE[:at] + to + SIGNATURE[at + 1 :]
    if changed != SIGNATURE:
        with pytest.raises(FileRefusedError):
            verified(changed)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"name": "order-w2.csv"}, "another name"),
        ({"window": "w2"}, "another window"),
        ({"window": ""}, "another window"),
        ({"content": CONTENT[:-1]}, "does not hold"),
        ({"content": b""}, "does not hold"),
        ({"jwks": SigningKey(new_key()).jwks}, "0 of the sender's keys"),
        ({"jwks": key_set()}, "0 of the sender's keys"),
        ({"jwks": b"[]"}, "no JWKS"),
        ({"jwks": b"{}"}, "no JWKS"),
        ({"jwks": key_set(*[{}] * 101)}, "over 100"),
    ],
    ids=["name", "window", "no window", "a byte less", "nothing", "key", "no key", "no set", "no keys", "too many"],
)
def test_a_file_in_place_of_another_is_refused(other: dict[str, Any], problem: str) -> None:
    with pytest.raises(FileRefusedError, match=problem):
        verified(**other)


EC: Final = ECKey.generate_key("P-256")
ED: Final = OKPKey.generate_key("Ed25519")


def public(key: ECKey | OKPKey, **more: object) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), **more}


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("more", [{}, {"use": "sig", "alg": "EdDSA"}, {"alg": "Ed25519"}])
def test_a_bank_may_sign_with_an_edwards_key_by_either_name(alg: str, more: dict[str, str]) -> None:
    signature = signed_by(ED, alg=alg, kid=ED.thumbprint())
    assert verified(signature, jwks=key_set(public(EC), public(ED, **more))).alg == alg


def test_what_another_library_signs_is_taken() -> None:
    registry = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = jws.serialize_compact(header(alg="EdDSA", kid="bank-1"), CONTENT, ED, registry=registry)
    signature = f"{text.partition('.')[0]}..{text.rpartition('.')[2]}"
    assert verified(signature, jwks=key_set(public(ED) | {"kid": "bank-1"})).kid == "bank-1"


def symmetric() -> str:
    """What is signed with the public key's own bytes as if they were a secret."""
    head = encoded(header(alg="HS256"))
    return f"{head}..{encoded(hmac.digest(KEY.jwks, head.encode() + b'.' + CONTENT, 'sha256'))}"


@pytest.mark.parametrize(
    ("signature", "problem"),
    [
        (f"{encoded(header(alg='none'))}..", "alg 'none'"),
        (symmetric(), "alg 'HS256'"),
        (signed_by(EC, alg="EdDSA", kid=EC.thumbprint()), "0 of the sender's keys are EdDSA"),
        (signed_by(ED, alg="ES256", kid=ED.thumbprint()), "0 of the sender's keys are ES256"),
        (signed_by(EC, kid=EC.thumbprint(), b64=True), "b64 false"),
        (signed_by(EC, kid=EC.thumbprint(), crit=[]), "b64 false"),
        (signed_by(EC, kid=EC.thumbprint(), crit=["b64", "exp"]), "b64 false"),
        (signed_by(EC, kid=EC.thumbprint(), sha256="0" * 64), "another sha256"),
        (signed_by(EC, kid=EC.thumbprint(), name="else.csv"), "another name"),
        (signed_by(EC, kid=EC.thumbprint(), name=5), "not of the profile"),
        (signed_by(EC, kid="else"), "0 of the sender's keys"),
        (SIGNATURE.replace("..", f".{encoded(CONTENT[:50])}."), "no detached JWS"),
        (f"{encoded(b'no json')}..x", "not of the profile"),
        ("", "no detached JWS"),
        ("..", "not of the profile"),
        ("x" * 9000 + "..y", "no detached JWS"),
        ("\u00e9..y", "no detached JWS"),
        (f"{encoded(header())}..!!", "does not hold"),
    ],
    ids=range(18),
)
def test_what_is_not_of_the_profile_is_refused(signature: str, problem: str) -> None:
    jwks = key_set(public(EC), public(ED), *msgspec.json.decode(KEY.jwks)["keys"])
    with pytest.raises(FileRefusedError, match=problem):
        verified(signature, jwks=jwks)


@pytest.mark.parametrize(
    "key",
    [public(EC, use="enc"), public(EC, alg="EdDSA"), {"kty": "oct", "k": "c2VjcmV0", "kid": EC.thumbprint()}],
    ids=["to encrypt with", "of another algorithm", "a secret"],
)
def test_a_key_that_is_for_something_else_is_not_used(key: dict[str, Any]) -> None:
    signature = signed_by(EC, kid=EC.thumbprint())
    assert verified(signature, jwks=key_set(public(EC))).kid == EC.thumbprint()
    with pytest.raises(FileRefusedError, match="0 of the sender's keys"):
        verified(signature, jwks=key_set(key))


def test_two_keys_of_one_name_are_no_key() -> None:
    signature = signed_by(EC, kid="same")
    another = ECKey.generate_key("P-256")
    with pytest.raises(FileRefusedError, match="2 of the sender's keys"):
        verified(signature, jwks=key_set(public(EC) | {"kid": "same"}, public(another) | {"kid": "same"}))


def test_a_key_is_shown_by_its_name_only() -> None:
    assert repr(KEY) == f"SigningKey({msgspec.json.decode(KEY.jwks)['keys'][0]['kid']})"
