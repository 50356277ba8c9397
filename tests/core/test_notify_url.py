"""Where a participant is told of payments is checked when the scheme is applied: safe to send to, at its own host."""

import pytest

from hub.core.participant import Participant, Role, SchemeError, SchemeFile, Terms, check


def scheme(notify_url: str, *hosts: str) -> SchemeFile:
    biller = Participant(
        id="maji", name="Maji", role=Role.BILLER, country="KE", callback_hosts=hosts, notify_url=notify_url
    )
    return SchemeFile(scheme=Terms(name="test"), participant=(biller,))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", "maji.example"),
        ("https://maji.example/notices", "maji.example"),
        ("https://maji.example:8443/notices?of=hub", "maji.example:8443"),
        ("https://maji.example:8443/notices", "maji.example"),
        ("http://127.0.0.1:9000/notices", "127.0.0.1"),
        ("http://[::1]:9000/", "::1"),
        ("http://localhost/", "localhost"),
    ],
)
def test_an_address_at_a_listed_host_is_taken(url: str, host: str) -> None:
    check(scheme(url, host))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://maji.example/notices", "https"),
        ("ftp://127.0.0.1/", "https"),
        ("maji.example/notices", "https"),
        ("http://10.0.0.7/", "https"),
        ("https://", "name a host"),
        ("https://user:secret@maji.example/", "credentials"),
        ("https://maji.example/#part", "fragment"),
        ("https://thief.example/", "callback_hosts"),
        ("https://maji.example.thief.example/", "callback_hosts"),
        ("https://maji.example:99999/", "notify_url"),
        ("https://[::1/", "notify_url"),
    ],
)
def test_any_other_address_is_refused_with_where_and_why(url: str, why: str) -> None:
    with pytest.raises(SchemeError, match=why) as caught:
        check(scheme(url, "maji.example", "127.0.0.1"))
    assert "'maji': notify_url" in str(caught.value)
