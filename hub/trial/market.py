"""The demo's market: cash at the settlement bank, and what Mizani publishes as its own software would."""

from typing import Any, Final

from hub.trial.playing import until
from hub.trial.prefunding import prefunded
from hub.trial.world import World
from routing.money import Money

FUNDED: Final = (("savanna", "50000", "KES", "demo-prefunding"),)
# What Mizani sells for. The others are asked for theirs, which stand in config/simulator.toml.
RATES: Final = (("KES", "UGX", "28.60"), ("UGX", "KES", "0.0346"), ("KES", "USD", "0.00775"))


async def prefund(stage: World) -> None:
    """Have cash in the books that participants brought; once, however often it is said."""
    for participant, amount, currency, reference in FUNDED:
        money = Money.parse(amount, currency)
        await prefunded(stage.hub.door, participant, money, reference)


async def publish(stage: World, *rates: tuple[str, str, str], valid_s: int | None = None) -> dict[str, str]:
    """Have Mizani publish rates over the API, and wait until the others' were asked for; returns how each stands."""
    rows: list[dict[str, Any]] = [
        {"source": source, "target": target, "rate": rate} for source, target, rate in rates or RATES
    ]
    if valid_s is not None:
        rows = [row | {"validForSeconds": valid_s} for row in rows]
    reply = await stage.clients["mizani"].write("PUT", "/fxrates", {"rates": rows}, callback=False)
    if reply.status != 200:
        raise RuntimeError(f"Mizani's rates were not taken: {reply.error}")
    polled = {each.provider for each in stage.hub.scheme.file.fx if each.poll_s}

    async def all_are_there() -> bool:
        return polled <= {each.provider for each in await stage.hub.store.rates()}

    await until(all_are_there)
    return {f"{row['source']}-{row['target']}": row["state"] for row in reply.body["rates"]}
