"""Serving metrics and health to those who run the hub; nothing about money or people is in them."""

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.store.read import Reader


async def metrics(_: web.Request) -> web.Response:
    """Answer GET /metrics; collected in a thread, because it takes milliseconds."""
    body = await asyncio.to_thread(generate_latest)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def alive(_: web.Request) -> web.Response:
    """Answer GET /healthz: the process runs."""
    return web.Response(text="alive\n")


def metrics_routes(reader: Reader | None = None) -> list[web.RouteDef]:
    """List the routes; /readyz says whether the database answers, where there is a reader."""

    async def ready(_: web.Request) -> web.Response:
        good = reader is None or await reader.alive()
        return web.Response(status=200 if good else 503, text="ready\n" if good else "the database does not answer\n")

    return [web.get("/metrics", metrics), web.get("/healthz", alive), web.get("/readyz", ready)]
