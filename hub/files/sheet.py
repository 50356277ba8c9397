"""CSV as settlement uses it: RFC 4180, a header row, a record a line, checked trailers; no cell is ever a formula.

The first column, `record`, says what a line is. An amount is a plain decimal in major units without a sign: which way
it moves stands in `direction`. The trailers, one for each currency, have the number of the counted lines and the sum of
their amounts, whichever way these move. A file of no counted line has one trailer of 0.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

from hub.files.shapes import LIMITS, Direction, FileRefusedError, Limits, UnwritableError, summed
from hub.files.wording import day_in, is_carried, one_line, plain
from routing.money import Money, MoneyError

RECORD: Final = "record"
TRAILER: Final = "trailer"
TOTALLED: Final = ("amount", "currency", "count")
_CELL_MAX: Final = 500
_SPREAD_MAX: Final = 200  # columns
# What a spreadsheet takes for the beginning of a formula, in the two widths it knows; the mark itself is marked too.
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")
_MARK: Final = "'"


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    line = one_line(text, _CELL_MAX)
    return _MARK + line if line.startswith(_FORMULA) else line


def bare(cell: str) -> str:
    """Return the text that was guarded."""
    return cell[1:] if cell.startswith(_MARK) and cell[1:].startswith(_FORMULA) else cell


def written(columns: Sequence[str], lines: Iterable[dict[str, str]], counted: Sequence[Money], currency: str) -> bytes:
    """Write a file; `counted` are the amounts that its trailers total, `currency` is that of a file without any."""
    file = io.StringIO(newline="")
    sheet = csv.DictWriter(file, [RECORD, *columns], restval="", dialect="excel", lineterminator="\r\n")
    sheet.writeheader()
    for line in lines:
        sheet.writerow({name: guarded(text) for name, text in line.items()})
    sheet.writerows(
        {RECORD: TRAILER, "amount": plain(total), "currency": total.currency, "count": str(count)}
        for count, total in _totals(counted, currency)
    )
    return file.getvalue().encode()


def _totals(amounts: Sequence[Money], currency: str) -> list[tuple[int, Money]]:
    by_currency: dict[str, list[int]] = {} if amounts else {currency: []}
    for each in amounts:
        by_currency.setdefault(each.currency, []).append(each.minor)
    try:
        return [(len(found), summed(found, name)) for name, found in sorted(by_currency.items())]
    except MoneyError as error:
        raise UnwritableError(str(error)) from error


class Line(NamedTuple):
    """One line that was read."""

    where: str
    record: str
    cells: dict[str, str]

    def text(self, name: str) -> str:
        """Return a cell; '' where the file has no such column."""
        return self.cells.get(name, "")

    def refused(self, problem: str, remedy: str) -> FileRefusedError:
        """Return the error about this line."""
        return FileRefusedError(self.where, problem, remedy)

    def money(self) -> Money:
        """Read the amount; raises FileRefusedError."""
        try:
            return Money.parse(self.text("amount"), self.text("currency"))
        except MoneyError as error:
            raise self.refused(
                f"amount {self.text('amount')!r} {self.text('currency')!r}: {error}",
                "Write a plain decimal without a sign, and a currency by its ISO 4217 code",
            ) from error

    def direction(self) -> Direction:
        """Read which way it moves; raises FileRefusedError."""
        try:
            return Direction(self.text("direction"))
        except ValueError as error:
            raise self.refused(f"direction {self.text('direction')!r}", "Write credit or debit") from error

    def day(self, name: str) -> date:
        """Read a day; raises FileRefusedError."""
        try:
            return day_in(self.text(name))
        except ValueError as error:
            raise self.refused(f"{name} {self.text(name)!r}: {error}", "Write a day as YYYY-MM-DD") from error

    def number(self, name: str) -> int:
        """Read a whole number; raises FileRefusedError."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise self.refused(f"{name} {text!r} is no whole number", "Write digits only")
        return int(text)


def read(
    content: bytes, columns: Sequence[str], counted: str, *, others: Sequence[str] = (), limits: Limits = LIMITS
) -> list[Line]:
    """Read a file whose trailers total the lines of record `counted`; raises FileRefusedError.

    `columns` must be there, in any order, `others` are the further records there may be; other columns are ignored.
    """
    lines = _lines(_text(content, limits), columns, limits)
    trailers = [line for line in lines if line.record == TRAILER]
    rows = lines[: len(lines) - len(trailers)]
    if not trailers or any(line.record == TRAILER for line in rows):
        where = next((line.where for line in rows if line.record == TRAILER), "the end")
        raise FileRefusedError(
            where, "the trailer is not the end of the file", "Send the whole file, its trailers last"
        )
    for line in rows:
        if line.record not in {counted, *others}:
            raise line.refused(f"record {line.record!r}", f"Write one of {', '.join([*others, counted, TRAILER])}")
    _check(trailers, [line.money() for line in rows if line.record == counted])
    return rows


def _text(content: bytes, limits: Limits) -> str:
    if len(content) > limits.csv_bytes:
        raise FileRefusedError("the file", f"it is over {limits.csv_bytes} bytes", "Split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefusedError(f"byte {error.start}", "it is not UTF-8", "Save the file as CSV in UTF-8") from error
    if "\0" in text:
        raise FileRefusedError("the file", "it holds null characters", "Save the file as CSV in UTF-8")
    return text


def _lines(text: str, columns: Sequence[str], limits: Limits) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = next(reader, [])
        _check_header(names, columns)
        found = []
        for cells in reader:
            if cells:
                found.append(_line(names, cells, f"line {reader.line_num}"))
            if len(found) > limits.entries:
                raise FileRefusedError("the file", f"it has over {limits.entries} lines", "Split it")
    except csv.Error as error:
        raise FileRefusedError(
            f"line {reader.line_num}", str(error), "Write CSV by RFC 4180, commas between"
        ) from error
    return found


def _check_header(names: list[str], columns: Sequence[str]) -> None:
    missing = [name for name in (RECORD, *columns) if name not in names]
    if missing or len(set(names)) != len(names) or len(names) > _SPREAD_MAX:
        raise FileRefusedError(
            "line 1",
            f"its columns lack {', '.join(missing)}" if missing else "its columns are too many, or two have one name",
            f"Begin the file with a row of the columns' names: {', '.join((RECORD, *columns))}",
        )


def _line(names: list[str], cells: list[str], where: str) -> Line:
    if len(cells) != len(names):
        raise FileRefusedError(where, f"{len(cells)} cells for {len(names)} columns", "Write one cell for each column")
    texts = {name: bare(cell.strip()) for name, cell in zip(names, cells, strict=True)}
    if not all(len(text) <= _CELL_MAX and is_carried(text) for text in texts.values()):
        raise FileRefusedError(
            where, "a cell is too long or has control characters", f"Write at most {_CELL_MAX} characters"
        )
    return Line(where, texts[RECORD], texts)


def _check(trailers: list[Line], counted: list[Money]) -> None:
    said: dict[str, tuple[int, Money]] = {}
    for line in trailers:
        count, total = line.number("count"), line.money()
        if total.currency in said:
            raise line.refused(f"a second trailer for {total.currency}", "Write one for each currency")
        said[total.currency] = count, total
    found = {total.currency: (count, total) for count, total in _found(counted, trailers)}
    if found != said:
        raise trailers[0].refused(
            f"the trailers say {_shown(said)}, the lines before make {_shown(found)}",
            "Nothing of the file was taken: send it again whole",
        )


def _found(counted: list[Money], trailers: list[Line]) -> list[tuple[int, Money]]:
    try:
        return _totals(counted, trailers[0].text("currency"))
    except UnwritableError as error:
        raise trailers[0].refused(str(error), "Split the file") from error


def _shown(totals: dict[str, tuple[int, Money]]) -> str:
    return ", ".join(f"{count} of {total} {total.currency}" for count, total in totals.values()) or "nothing"
