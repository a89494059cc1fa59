"""What lets pages in a browser call a node, as real nodes let them."""

from __future__ import annotations

from aiohttp import web

USAGE = (
    "This is the JSON-RPC of localnet, a chain for tests. POST requests here, for "
    'example {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}.\n'
)


def open_to_browsers(app: web.Application) -> None:
    """Answer preflight requests, and allow every origin to read the answers."""
    app.on_response_prepare.append(_allow_every_origin)
    app.router.add_route("OPTIONS", "/", _preflight)
    app.router.add_get("/", _usage)


async def _allow_every_origin(
    request: web.Request, response: web.StreamResponse
) -> None:
    response.headers["Access-Control-Allow-Origin"] = "*"


async def _preflight(request: web.Request) -> web.Response:
    wanted = request.headers.get("Access-Control-Request-Headers", "content-type")
    return web.Response(
        headers={
            "Access-Control-Allow-Methods": "OPTIONS, POST",
            "Access-Control-Allow-Headers": wanted,
            "Access-Control-Max-Age": "86400",
        }
    )


async def _usage(request: web.Request) -> web.Response:
    return web.Response(status=405, text=USAGE, headers={"Allow": "OPTIONS, POST"})
