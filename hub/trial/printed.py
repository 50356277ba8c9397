"""Printing in a terminal: a text is shown as it is; nothing that somebody has written may colour, hide or move another.

What participants, banks and operators write stands in tables and lines: whoever reads them decides upon money. No word
is broken, for it may be an id that is copied: what is too wide for columns is shown row by row, and what no terminal
reads has no width.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

# What would show the text after it in another order, or in other letters.
_TURNING: Final = (*range(0x80, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# What cannot be seen is shown as a sign of its own: it would move the cursor, colour or hide what stands beside it.
_SEEN: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) != "\n"},
    0x7F: "\u2421",
    **dict.fromkeys(_TURNING, "\ufffd"),
}


NO_WIDTH: Final = 100_000  # wider than anything that is printed


def seen(text: str) -> str:
    """Return a text of which every character can be seen."""
    return text.translate(_SEEN)


class Printer(Console):
    """A terminal on which no text says more than its words: styles are given apart from it."""

    def __init__(self, *, stderr: bool = False, **more: Any) -> None:
        """Print on standard output, or on the error output."""
        super().__init__(stderr=stderr, markup=False, emoji=False, **more)
        if not self.is_terminal and "width" not in more and "COLUMNS" not in os.environ:
            self.width = NO_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Show characters that could not be seen; what the terminal is told stands in segments of its own."""
        for each in super().render(renderable, options):
            yield each if each.control else Segment(seen(each.text), each.style)


class _PlainTable(Table):
    """A table whose cells are what they say, on any terminal, and whose words are whole."""

    def add_row(
        self, *renderables: RenderableType | None, style: StyleType | None = None, end_section: bool = False
    ) -> None:
        cells = (Text(seen(each)) if isinstance(each, str) else each for each in renderables)
        super().add_row(*cells, style=style, end_section=end_section)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(console, options)
        if not widths:
            yield from self._row_by_row()
            return
        for column, width in zip(self.columns, widths, strict=True):
            column.width = width
        yield from super().__rich_console__(console, options)

    def _widths(self, console: Console, options: ConsoleOptions) -> list[int]:
        """Share the width out, to no column less than its longest word has; none: there is not so much."""
        wide = options.update_width(NO_WIDTH)
        cells = [[Measurement.get(console, wide, cell) for cell in (each.header, *each.cells)] for each in self.columns]
        widths = [max(cell.minimum for cell in column) for column in cells]
        wanted = [max(cell.maximum for cell in column) for column in cells]
        for column in self.columns:
            column.width = None
        between = Measurement.get(console, wide, self).maximum - sum(wanted)
        spare = options.max_width - between - sum(widths)
        if spare < 0:
            return []
        narrow_first = sorted(range(len(widths)), key=lambda place: wanted[place] - widths[place])
        for left, place in enumerate(narrow_first):
            more = min(wanted[place] - widths[place], spare // (len(widths) - left))
            widths[place], spare = widths[place] + more, spare - more
        return widths

    def _row_by_row(self) -> Iterable[RenderableType]:
        """Show each row by itself, a line for each of its cells."""
        if self.title:
            yield self.title
        for row, cells in zip(self.rows, zip(*(each.cells for each in self.columns), strict=True), strict=True):
            yield _row(self.columns, cells, row.style)


def _row(columns: Sequence[Column], cells: Sequence[RenderableType], style: StyleType | None) -> Table:
    shown = Table(box=None, show_header=False, pad_edge=False, style=style or "")
    shown.add_column()
    shown.add_column(overflow="fold")
    for column, cell in zip(columns, cells, strict=True):
        if not isinstance(cell, Text) or cell.plain:
            shown.add_row(column.header, cell, style=style)
    shown.add_row("")
    return shown


def plain_table(title: str, *columns: str) -> Table:
    """Begin a table as all of them look."""
    shown = Text(seen(title), style="table.title") if title else None
    table = _PlainTable(title=shown, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(seen(column)), overflow="fold")
    return table
