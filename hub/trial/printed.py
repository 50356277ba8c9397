"""Printing in a terminal: a text is shown as it is; nothing that somebody has written may colour, hide or move another.

What participants, banks and operators write stands in tables and lines: whoever reads them decides upon money.
"""

from collections.abc import Iterable
from typing import Any, Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

# What would show the text after it in another order, or in other letters.
_TURNING: Final = (*range(0x80, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
# What cannot be seen is shown as a sign of its own: it would move the cursor, colour or hide what stands beside it.
_SEEN: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) != "\n"},
    0x7F: "\u2421",
    **dict.fromkeys(_TURNING, "\ufffd"),
}


def seen(text: str) -> str:
    """Return a text of which every character can be seen."""
    return text.translate(_SEEN)


class Printer(Console):
    """A terminal on which no text says more than its words: styles are given apart from it."""

    def __init__(self, *, stderr: bool = False, **more: Any) -> None:
        """Print on standard output, or on the error output."""
        super().__init__(stderr=stderr, markup=False, emoji=False, **more)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Show characters that could not be seen; what the terminal is told stands in segments of its own."""
        for each in super().render(renderable, options):
            yield each if each.control else Segment(seen(each.text), each.style)


class _PlainTable(Table):
    """A table whose cells are what they say, on any terminal."""

    def add_row(
        self, *renderables: RenderableType | None, style: StyleType | None = None, end_section: bool = False
    ) -> None:
        cells = (Text(seen(each)) if isinstance(each, str) else each for each in renderables)
        super().add_row(*cells, style=style, end_section=end_section)


def plain_table(title: str, *columns: str) -> Table:
    """Begin a table as all of them look."""
    shown = Text(seen(title), style="table.title") if title else None
    table = _PlainTable(title=shown, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(seen(column)), overflow="fold")
    return table
