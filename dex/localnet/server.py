"""JSON-RPC over HTTP: one address per node, one commit per body, then the answer."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator

from aiohttp import web

from .browsers import open_to_browsers
from .faults.http import arrived, deliver, is_control, refusal
from .methods import (
    accounts,
    blocks,
    chain,
    cluster,
    control,
    history,
    simulation,
    tokens,
    transactions,
)
from .methods.bodies import answer_body, parse_error
from .network import Network
from .node import Node
from .ports import listen_in_pairs
from .sockets.websocket import make_socket_app

# As on real nodes: MAX_REQUEST_BODY_SIZE in agave's rpc/src/rpc.rs.
MAX_BODY_BYTES = 50 * 1024
METHODS = {
    **accounts.METHODS,
    **blocks.METHODS,
    **chain.METHODS,
    **cluster.METHODS,
    **control.METHODS,
    **history.METHODS,
    **simulation.METHODS,
    **tokens.METHODS,
    **transactions.METHODS,
}


def make_app(node: Node) -> web.Application:
    """Return the HTTP application of one node."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            return web.json_response(text=parse_error())
        spared = is_control(parsed)
        refused = None if spared else refusal(node, request)
        if refused is not None:
            return refused
        try:
            answers = answer_body(METHODS, node, parsed)
            node.ledger.commit()
        except sqlite3.Error as error:
            node.network.give_up(error)
            return web.Response(
                status=500, text=f"The ledger cannot be written: {error}"
            )
        return arrived(answers) if spared else await deliver(node, request, answers)

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/", answer)
    app.router.add_get("/health", health)
    open_to_browsers(app)
    return app


@contextlib.asynccontextmanager
async def serving(
    network: Network, *, host: str, ports: list[int]
) -> AsyncIterator[list[str]]:
    """Serve every node and yield their URLs: HTTP on its port, WebSocket on the next.

    Port 0 means any two free ports. Raises OSError when a port is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for node, port in zip(network.nodes, ports, strict=True):
            listening = listen_in_pairs(host, port)
            apps = make_app(node), make_socket_app(node)
            for app, bound in zip(apps, listening, strict=True):
                # A delayed answer does not hold up the end.
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await web.SockSite(runner, bound).start()
            urls.append(f"http://{host}:{listening[0].getsockname()[1]}")
        await stack.enter_async_context(network.running())
        yield urls
