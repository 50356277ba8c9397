"""The hub's keys are made once and kept for their owner alone; credentials are sealed only where they can be opened."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.roles.keys import callback_key, seal_of, signer_of
from hub.settings import Settings
from hub.workers.signing import new_key

KEY = "a-configured-key-of-some-length-32-at-least"


def settings(var: Path, **given: str) -> Settings:
    return Settings.model_validate({"var": var, **{name: SecretStr(value) for name, value in given.items()}})


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = settings(tmp_path / "var")
    assert callback_key(first) == callback_key(first)
    assert signer_of(first).jwks == signer_of(first).jwks
    kept = sorted((tmp_path / "var").iterdir())
    assert [each.name for each in kept] == ["callback.key", "signing.pem"]
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o600}


def test_those_who_begin_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: signer_of(settings(tmp_path)).jwks, range(16)))
    assert len(set(found)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["signing.pem"]


def test_what_is_configured_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    given = settings(tmp_path / "var", callback_key=KEY, signing_key=new_key(), seal_key=KEY)
    assert callback_key(given) == KEY.encode()
    assert signer_of(given).jwks == signer_of(given).jwks
    assert seal_of(given) is not None
    assert not (tmp_path / "var").exists()


def test_one_process_seals_with_a_key_of_its_own(tmp_path: Path) -> None:
    sealing, opening = seal_of(settings(tmp_path)), seal_of(settings(tmp_path))
    assert sealing is not None
    assert opening is not None
    assert opening.opened(sealing.sealed({"a": "b"}, transfer="t"), transfer="t") == {"a": "b"}


def test_several_processes_seal_only_with_a_key_that_all_were_given(tmp_path: Path) -> None:
    assert seal_of(settings(tmp_path, broker_url="amqp://broker/")) is None
    assert seal_of(settings(tmp_path, broker_url="amqp://broker/", callback_key=KEY)) is not None
    assert seal_of(settings(tmp_path, broker_url="amqp://broker/", seal_key=KEY)) is not None


def test_a_new_key_is_put_before_the_old_one(tmp_path: Path) -> None:
    old, new = "o" * 40, "n" * 40
    before, after = seal_of(settings(tmp_path, seal_key=old)), seal_of(settings(tmp_path, seal_key=f"{new} {old}"))
    assert before is not None
    assert after is not None
    assert after.opened(before.sealed({"a": "b"}, transfer="t"), transfer="t") == {"a": "b"}


@pytest.mark.parametrize("name", ["seal_key", "signing_key"])
def test_a_useless_key_is_said_and_not_shown(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        (seal_of if name == "seal_key" else signer_of)(settings(tmp_path, **{name: "hunter2"}))
    assert "hunter2" not in str(caught.value)
