"""The QR symbol's content carries the code there and back, and nothing else gets through as a code."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.http.qr import QR_KEY, code_in, payload, with_payload
from routing.message import Resource


@given(st.text("0123456789ABCDEF-", min_size=1, max_size=64))
def test_a_code_is_read_back_from_its_symbol(code: str) -> None:
    assert code_in(payload(code)) == code


@given(st.binary(max_size=80))
def test_whatever_is_scanned_is_read_as_a_symbol_or_taken_as_it_is(noise: bytes) -> None:
    text = base64.b64encode(b"\x85\x05CPV01" + noise).decode()
    assert isinstance(code_in(text), str)


def test_the_symbol_begins_as_emvco_wants_it() -> None:
    assert base64.b64decode(payload("1")).startswith(b"\x85\x05CPV01\x61")


@pytest.mark.parametrize(
    ("kind", "resource", "shown"),
    [
        (Resource.CODE, {"authorisationCode": "12"}, [{"key": QR_KEY, "value": payload("12")}]),
        (Resource.CODE, {"authorisationCode": "12", "customData": "odd"}, [{"key": QR_KEY, "value": payload("12")}]),
        (Resource.CODE, {}, None),
        (Resource.LINK, {"authorisationCode": "12"}, None),
    ],
)
def test_only_codes_are_shown_with_their_symbol(kind: Resource, resource: dict[str, object], shown: object) -> None:
    assert with_payload(kind, resource).get("customData") == shown


def test_a_provider_with_twenty_pairs_loses_its_last_to_the_symbol() -> None:
    pairs = [{"key": str(number), "value": "x"} for number in range(20)]
    shown = with_payload(Resource.CODE, {"authorisationCode": "12", "customData": pairs})["customData"]
    assert [each["key"] for each in shown] == [*(str(number) for number in range(19)), QR_KEY]
