"""A signed letter can be verified with what is published alone, and nothing about it can be changed unnoticed."""

import msgspec
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, KeySet

from hub.workers.signing import Signer, new_key

URL = "https://biller.example:8443/notices?for=hub"
BODY = '{"amount":"150.50","name":"Wanjirũ"}'.encode()
CORRELATION = "0b5f2f0e-6d5b-4f0c-9b1c-2f6c3d1f7a11"
NOW_S = 1_800_000_000
SIGNER = Signer(new_key())
REGISTRY = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)


def headers(signer: Signer = SIGNER, url: str = URL, body: bytes = BODY) -> dict[str, str]:
    return signer.headers(url, body, correlation=CORRELATION, now_s=NOW_S)


def is_good(signature: str, body: bytes, signer: Signer = SIGNER) -> bool:
    keys = KeySet.import_key_set(msgspec.json.decode(signer.jwks))
    try:
        return jws.validate_compact(jws.extract_compact(signature.encode(), body, REGISTRY), keys, registry=REGISTRY)
    except BadSignatureError:
        return False


def protected(signature: str) -> dict[str, object]:
    return dict(jws.extract_compact(signature.encode(), BODY, REGISTRY).headers())


def test_what_is_published_verifies_what_is_signed() -> None:
    signature = headers()["X-JWS-Signature"]
    assert signature.split(".")[1] == "", "the body is not in it a second time"
    assert is_good(signature, BODY)


def test_the_protected_header_says_when_where_to_and_under_which_key() -> None:
    said = protected(headers()["X-JWS-Signature"])
    assert said == {
        "alg": "ES256",
        "kid": msgspec.json.decode(SIGNER.jwks)["keys"][0]["kid"],
        "b64": False,
        "crit": ["b64"],
        "iat": NOW_S,
        "host": "biller.example:8443",
        "path": "/notices?for=hub",
        "correlation": CORRELATION,
    }


@pytest.mark.parametrize("body", [BODY, b"{}", b"plain-text_that~is-safe", "ũ".encode() * 100_000])
def test_every_body_is_detached_and_its_hash_is_the_apis(body: bytes) -> None:
    signature = headers(body=body)["X-JWS-Signature"]
    head, middle, _ = signature.split(".")
    assert (middle, bool(head)) == ("", True)
    assert len(headers(body=body)["X-Content-Hash"]) == 64


def test_another_body_another_key_and_another_header_do_not_verify() -> None:
    signature = headers()["X-JWS-Signature"]
    assert not is_good(signature, BODY.replace(b"150.50", b"950.50"))
    assert not is_good(
        signature.rpartition(".")[0] + "." + headers()["X-JWS-Signature"].rpartition(".")[2], BODY + b" "
    )
    elsewhere = headers(url="https://thief.example/")["X-JWS-Signature"]
    assert not is_good(f"{elsewhere.partition('.')[0]}..{signature.rpartition('.')[2]}", BODY)
    another = Signer(new_key())
    assert protected(headers(another)["X-JWS-Signature"])["kid"] != protected(signature)["kid"]


def test_a_key_is_taken_as_pem_and_as_jwk_and_keeps_its_name() -> None:
    key = ECKey.generate_key("P-256")
    as_jwk = msgspec.json.encode(key.as_dict(private=True)).decode()
    as_pem = key.as_pem(private=True).decode()
    assert Signer(as_jwk).jwks == Signer(f"\n{as_pem}\n").jwks


def test_only_the_public_half_is_published_and_shown() -> None:
    (published,) = msgspec.json.decode(SIGNER.jwks)["keys"]
    assert sorted(published) == ["alg", "crv", "kid", "kty", "use", "x", "y"]
    assert "PRIVATE" not in repr(SIGNER)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "secret",
        "{}",
        '{"kty":"oct","k":"c2VjcmV0"}',
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        ECKey.generate_key("P-256").as_pem(private=False).decode(),
    ],
    ids=["nothing", "no key", "an empty object", "a symmetric key", "another curve", "a public key"],
)
def test_what_is_no_private_key_of_the_curve_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="P-256") as caught:
        Signer(key)
    assert not key or key not in str(caught.value)
