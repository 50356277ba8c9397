"""`hub archive`, typed: a month leaves the ledger, its files prove themselves, a changed one is told."""

from pathlib import Path

import pytest

from hub.store.ledger_audit import audit_new
from tests.store.history import write_history
from tests.store.months import aged, month_before
from tests.trial.command import hub

pytestmark = pytest.mark.postgres


async def test_a_month_is_archived_and_proves_itself(migrated_url: str, tmp_path: Path) -> None:
    await write_history(migrated_url)
    aged(migrated_url, 3, 6)
    assert audit_new(migrated_url) is not None
    month, next_month = month_before(2)[0], month_before(1)[0]
    assert "archive their month first" in hub(
        "archive", "month", next_month, "--to", str(tmp_path), database=migrated_url, code=1
    )
    assert "journals 1 to 3" in hub("archive", "month", month, "--to", str(tmp_path), database=migrated_url)
    assert "are right" in hub("archive", "verify", str(tmp_path / month))
    hub("audit", database=migrated_url)
    postings = tmp_path / month / "postings.csv.gz"
    postings.write_bytes(postings.read_bytes()[:-1] + b"?")
    assert "not the file that was archived" in hub("archive", "verify", str(tmp_path / month), code=1)
