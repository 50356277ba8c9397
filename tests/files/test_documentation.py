"""The examples of the documentation are files that the hub reads, and its tables have the columns that it writes."""

import re
from pathlib import Path
from typing import Final

from hub.files.csv_out import OBLIGATION_COLUMNS, PAYMENT_COLUMNS, STATEMENT_COLUMNS
from hub.files.inbox import read_bank_file, read_participant_file
from hub.files.shapes import LIMITS
from hub.files.sheet import TOTALLED

TEXT: Final = (Path(__file__).parents[2] / "docs/settlement-files.md").read_text("utf-8")


def test_the_examples_are_read() -> None:
    bank, participant = re.findall(r"```csv\n(.*?)```", TEXT, re.DOTALL)
    assert len(read_bank_file(bank.encode(), account="0012345", currency="ZMW").entries) == 2
    assert len(read_participant_file(participant.encode()).rows) == 2


def test_the_columns_are_those_that_are_written() -> None:
    for columns in (OBLIGATION_COLUMNS, PAYMENT_COLUMNS, STATEMENT_COLUMNS):
        assert f"`{' '.join(name for name in columns if name not in TOTALLED)}`" in TEXT


def test_the_limits_are_those_that_hold() -> None:
    assert f"{LIMITS.entries:,} entries" in TEXT
    assert f"{LIMITS.xml_bytes // 2**20} MiB of XML" in TEXT.replace("\n", " ")
    assert f"{LIMITS.csv_bytes // 2**20} MiB of CSV" in TEXT.replace("\n", " ")
