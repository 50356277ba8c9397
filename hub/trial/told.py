"""What is told of an act step by step: who did what, and whether it came out as it must; it keeps what did not."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

WHO_WIDTH: Final = 11


class Told:
    """Prints steps, and keeps those that went wrong."""

    def __init__(self, console: Console) -> None:
        """Print here."""
        self.console = console
        self.wrong: list[str] = []

    def step(self, who: str, what: str, *, right: bool, detail: str = "") -> None:
        """Tell what somebody did; a refusal that must come is right, and its words are the detail."""
        said = Text(what)
        said.append(" ok" if right else " WRONG", style="green" if right else "bold red")
        if detail:
            said.append(f"\n{detail}", style="dim")
        line = Table.grid()
        line.add_column(width=WHO_WIDTH, style="cyan")
        line.add_column(overflow="fold")
        line.add_row(Text(who), said)
        self.console.print(line)
        if not right:
            self.wrong.append(f"{who} {what}".strip() + (f": {detail}" if detail else ""))

    def check(self, what: str, *, right: bool) -> None:
        """Tell what must hold now."""
        self.step("", what, right=right)
