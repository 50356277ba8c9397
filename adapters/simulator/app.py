"""The simulator: many providers in one web application, each under its name; it must never face a network.

Beside a provider's protocol, `/{provider}/_control/...` shows and scripts it, to this machine only.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.simulator.book import Journal
from adapters.simulator.callbacks import Callbacks
from adapters.simulator.fx import OpenFx
from adapters.simulator.gsma import Gsma
from adapters.simulator.iso import Iso
from adapters.simulator.provider import Dialect, Provider, Settings
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Rule, Rules
from adapters.simulator.seed import Seed

BODY_MAX_BYTES: Final = 64 * 1024 * 1024  # batches are large
_DIALECTS: Final[dict[str, Callable[[Provider], Dialect]]] = {"gsma": Gsma, "iso20022": Iso, "open_fx": OpenFx}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer says to all that waits for it."""

    account: str
    accept: bool


class Simulator:
    """A process full of providers."""

    def __init__(self, providers: Sequence[Settings], *, journal: Path | None = None) -> None:
        """Set the providers up; with a `journal` file they remember what they decided before."""
        self.callbacks = Callbacks()
        self._journal = Journal(journal) if journal else None
        self._providers = {each.name: Provider(each, self.callbacks, self._journal) for each in providers}
        self._dialects: dict[str, Dialect] = {
            name: _DIALECTS[provider.settings.dialect](provider) for name, provider in self._providers.items()
        }
        remembered = set()
        for record in self._journal.records() if self._journal else ():
            if record.provider in self._providers:
                remembered.add(record.provider)
                self._providers[record.provider].replay(record)
        for name in self._providers.keys() - remembered:
            self._providers[name].begin()
        self.app = web.Application(client_max_size=BODY_MAX_BYTES)
        self.app.router.add_route("*", "/{provider}/_control/{what}", self._control)
        self.app.router.add_route("*", "/{provider}/{tail:.*}", self._answer)
        self.app.on_startup.append(self._open)
        self.app.on_cleanup.append(self._close)

    def provider(self, name: str) -> Provider:
        """Return a provider; raises KeyError."""
        return self._providers[name]

    def revoke_tokens(self, name: str) -> None:
        """Have a provider refuse the access tokens it gave out."""
        dialect = self._dialects[name]
        if isinstance(dialect, Gsma):
            dialect.revoke_tokens()

    async def _open(self, _: web.Application) -> None:
        await self.callbacks.open()

    async def _close(self, _: web.Application) -> None:
        await self.callbacks.close()
        if self._journal:
            self._journal.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        dialect = self._dialects.get(request.match_info["provider"])
        if dialect is None:
            raise web.HTTPNotFound
        return await dialect.answer(request, request.match_info["tail"])

    async def _control(self, request: web.Request) -> web.Response:
        name, what = request.match_info["provider"], request.match_info["what"]
        provider = self._providers.get(name)
        controls: dict[tuple[str, str], Callable[[Provider, web.Request], Awaitable[Any]]] = {
            ("GET", "totals"): self._totals,
            ("GET", "balances"): self._balances,
            ("GET", "journal"): self._requests_and_entries,
            ("PUT", "rules"): self._put_rules,
            ("PUT", "seed"): self._put_seed,
            ("PUT", "rates"): self._put_rates,
            ("POST", "confirm"): self._confirm,
            ("POST", "reset"): self._reset,
            ("POST", "revoke"): self._revoke,
        }
        control = controls.get((request.method, what))
        if provider is None or control is None or request.remote not in _LOOPBACK:
            raise web.HTTPNotFound
        try:
            said = await control(provider, request)
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.json_response(body=msgspec.json.encode(said))

    async def _totals(self, provider: Provider, _: web.Request) -> dict[str, Any]:
        sent = {"callbacks_delivered": self.callbacks.delivered, "callbacks_given_up": self.callbacks.given_up}
        return provider.totals() | sent

    async def _balances(self, provider: Provider, _: web.Request) -> Any:
        return provider.book.accounts

    async def _requests_and_entries(self, provider: Provider, _: web.Request) -> Any:
        return {"requests": list(provider.book.requests), "entries": provider.book.entries}

    async def _put_rules(self, provider: Provider, request: web.Request) -> Any:
        provider.rules = Rules(msgspec.json.decode(await request.read(), type=list[Rule]))
        return provider.rules.rules

    async def _put_rates(self, provider: Provider, request: web.Request) -> Any:
        provider.sell(msgspec.json.decode(await request.read(), type=list[Rate]))
        return list(provider.book.exchange.rates.values())

    async def _put_seed(self, provider: Provider, request: web.Request) -> Any:
        provider.sow(msgspec.json.decode(await request.read(), type=Seed))
        return provider.totals()

    async def _confirm(self, provider: Provider, request: web.Request) -> Any:
        said = msgspec.json.decode(await request.read(), type=Confirmation)
        account = provider.book.named([said.account])
        ended = await provider.confirm(account, self._dialects[provider.settings.name], accept=said.accept)
        return {"ended": [entry.order.reference for entry in ended]}

    async def _reset(self, provider: Provider, _: web.Request) -> dict[str, Any]:
        provider.reset()
        return provider.totals()

    async def _revoke(self, provider: Provider, _: web.Request) -> dict[str, Any]:
        self.revoke_tokens(provider.settings.name)
        return {}
