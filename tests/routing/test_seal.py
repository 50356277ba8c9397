"""Credentials and identities are sealed for one transfer: nothing else opens them, and nothing shows them."""

import base64
from typing import Any

import pytest

from routing.seal import SEALED_MAX, SEALED_OBJECT_MAX, Seal, SealError

OLD, NEW = b"o" * 32, b"n" * 64
TRANSFER = "0" * 31 + "1"
USER = {"x-user-bearer": "the-users-token", "x-user-credential-1": "the-users-pin"}
KYC: dict[str, Any] = {"senderKyc": {"subjectName": {"fullName": "the users name"}, "idDocument": [{"idNumber": "1"}]}}


def test_what_is_sealed_is_opened_with_the_same_key_for_the_same_transfer() -> None:
    text = Seal([NEW]).sealed(USER, transfer=TRANSFER)
    assert Seal([NEW]).opened(text, transfer=TRANSFER) == USER


def test_nothing_of_it_can_be_read_and_it_is_never_sealed_alike_twice() -> None:
    seal = Seal([NEW])
    texts = {seal.sealed(USER, transfer=TRANSFER) for _ in range(20)}
    assert len(texts) == 20
    for text in texts:
        assert "users" not in text
        assert b"users" not in base64.urlsafe_b64decode(text.partition(".")[2])


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    before, after = Seal([OLD]), Seal([NEW, OLD])
    assert after.opened(before.sealed(USER, transfer=TRANSFER), transfer=TRANSFER) == USER
    with pytest.raises(SealError, match="key"):
        before.opened(after.sealed(USER, transfer=TRANSFER), transfer=TRANSFER)


def test_under_another_transfer_it_does_not_open() -> None:
    seal = Seal([NEW])
    with pytest.raises(SealError, match="another transfer"):
        seal.opened(seal.sealed(USER, transfer=TRANSFER), transfer="0" * 32)


def test_every_changed_byte_is_found() -> None:
    seal = Seal([NEW])
    name, _, rest = seal.sealed({"x": "y"}, transfer=TRANSFER).partition(".")
    secret = base64.urlsafe_b64decode(rest)
    for place in range(len(secret)):
        changed = bytes([*secret[:place], secret[place] ^ 1, *secret[place + 1 :]])
        with pytest.raises(SealError):
            seal.opened(f"{name}.{base64.urlsafe_b64encode(changed).decode()}", transfer=TRANSFER)


@pytest.mark.parametrize("text", ["", ".", "no-key.AAAA", "{name}", "{name}.", "{name}.A", "{name}.%%%", "{name}.é"])
def test_what_is_no_sealed_text_does_not_open(text: str) -> None:
    seal = Seal([NEW])
    name = seal.sealed(USER, transfer=TRANSFER).partition(".")[0]
    with pytest.raises(SealError):
        seal.opened(text.format(name=name), transfer=TRANSFER)


def test_a_sealed_text_has_a_largest_size() -> None:
    seal = Seal([NEW])
    with pytest.raises(SealError):
        seal.opened(seal.sealed({"x": "y" * SEALED_MAX}, transfer=TRANSFER), transfer=TRANSFER)


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b"short"]])
def test_no_key_and_a_short_key_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32"):
        Seal(keys)


def test_neither_the_seal_nor_an_error_shows_a_secret() -> None:
    seal = Seal([NEW])
    assert "n" * 8 not in repr(seal)
    with pytest.raises(SealError) as caught:
        seal.opened(seal.sealed(USER, transfer=TRANSFER), transfer="another")
    assert caught.value.__cause__ is None
    assert "users" not in repr(caught.value)


def test_an_object_is_opened_with_the_same_key_for_the_same_transfer_and_never_sealed_alike_twice() -> None:
    seal, later = Seal([OLD]), Seal([NEW, OLD])
    texts = {seal.sealed_object(KYC, transfer=TRANSFER) for _ in range(20)}
    assert len(texts) == 20
    for text in texts:
        assert b"users" not in base64.urlsafe_b64decode(text.partition(".")[2])
        assert later.opened_object(text, transfer=TRANSFER) == KYC
        with pytest.raises(SealError, match="another transfer"):
            seal.opened_object(text, transfer="0" * 32)


@pytest.mark.parametrize("renamed", [False, True])
def test_neither_kind_of_sealed_text_opens_as_the_other(*, renamed: bool) -> None:
    seal = Seal([NEW])
    headers, object_ = seal.sealed(USER, transfer=TRANSFER), seal.sealed_object(USER, transfer=TRANSFER)
    if renamed:  # under the name of the other kind's key
        (one, _, credentials), (other, _, identity) = headers.partition("."), object_.partition(".")
        headers, object_ = f"{other}.{credentials}", f"{one}.{identity}"
    with pytest.raises(SealError):
        seal.opened(object_, transfer=TRANSFER)
    with pytest.raises(SealError):
        seal.opened_object(headers, transfer=TRANSFER)


def test_an_object_that_could_not_be_opened_again_is_not_sealed() -> None:
    seal = Seal([NEW])
    largest = {"x": "y" * (SEALED_OBJECT_MAX * 3 // 4 - 100)}
    assert seal.opened_object(seal.sealed_object(largest, transfer=TRANSFER), transfer=TRANSFER) == largest
    with pytest.raises(SealError, match="at most"):
        seal.sealed_object({"x": "y" * SEALED_OBJECT_MAX}, transfer=TRANSFER)
    name = seal.sealed_object({}, transfer=TRANSFER).partition(".")[0]
    with pytest.raises(SealError):
        seal.opened_object(f"{name}.{'A' * SEALED_OBJECT_MAX}", transfer=TRANSFER)
