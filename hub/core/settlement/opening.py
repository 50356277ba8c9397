"""Opening windows: with the scheme, and each as the one before it closes, so that no journal is between two of them.

A currency's windows begin at the head of the chain when a scheme first has a model for it: what moved before that is in
none. When anything about a currency's models changes, all its windows close there and new ones open, so whatever moved
is in exactly one of them.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hub.core.settlement.calendar import next_close_ms
from hub.core.settlement.names import line_of, window_id
from hub.core.settlement.rules import Model
from hub.core.settlement.window import Window, WindowState


def opened(terms: Model, before: tuple[Model, ...], number: int, height: int, now_ms: int) -> Window:
    """Open a window after the journal at `height`."""
    id_ = window_id(terms.name, number)
    return Window(
        id=id_,
        version=1,
        at_ms=now_ms,
        due_ms=_due_ms(terms, now_ms),
        number=number,
        unsettled=line_of(id_),
        model=terms.name,
        currency=terms.currency,
        state=WindowState.OPEN,
        terms=terms,
        before=before,
        from_height=height,
    )


def closed(window: Window, height: int, now_ms: int, by: str) -> Window:
    """Close an open window with the journal at `height`; what is owed is to be reckoned at once."""
    return msgspec.structs.replace(
        window, state=WindowState.CLOSED, to_height=height, closed_ms=now_ms, closed_by=by, due_ms=now_ms
    )


def ordered(models: Sequence[Model], currency: str) -> list[tuple[Model, tuple[Model, ...]]]:
    """List a currency's models, each with those that come before it."""
    here = tuple(each for each in models if each.currency == currency)
    return [(each, here[:place]) for place, each in enumerate(here)]


def reopened(
    models: Sequence[Model],
    open_windows: Iterable[Window],
    last: Mapping[str, int],
    *,
    height: int,
    now_ms: int,
    by: str,
) -> list[Window]:
    """Return the windows that a scheme closes and opens; `last`: the number of each model's last window."""
    windows = list(open_windows)
    written: list[Window] = []
    for currency in sorted({each.currency for each in models} | {each.currency for each in windows}):
        here = {each.model: each for each in windows if each.currency == currency}
        wanted = ordered(models, currency)
        if {name: (each.terms, each.before) for name, each in here.items()} == {
            terms.name: (terms, before) for terms, before in wanted
        }:
            continue
        for _, each in sorted(here.items()):
            written.append(_next_version(closed(each, height, now_ms, by)))
        written.extend(opened(terms, before, last.get(terms.name, 0) + 1, height, now_ms) for terms, before in wanted)
    return written


def _next_version(window: Window) -> Window:
    return msgspec.structs.replace(window, version=window.version + 1, deed="")


def _due_ms(terms: Model, now_ms: int) -> int | None:
    return next_close_ms(
        after_ms=now_ms,
        close=terms.close,
        every_s=terms.every_s,
        time_zone=terms.time_zone,
        holidays=terms.holidays,
    )
