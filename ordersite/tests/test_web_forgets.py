"""A connection is held no longer than it and its application live."""

from __future__ import annotations

import asyncio
from typing import Any

from ordersite.web import WebServer


class Client:
    """Stands for the protocol of a connection, which the server takes for a name alone."""


def serve() -> tuple[WebServer, asyncio.Future[None]]:
    """A server that serves nobody yet, and with what its application is ended."""
    ends: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await ends

    server = WebServer(application, endpoints=["tcp:0"])
    server.connections = {}
    return server, ends


def connect(server: WebServer) -> Client:
    client = Client()
    server.protocol_connected(client)
    server.create_application(client, {"type": "http"})
    return client


async def let_callbacks_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_request_is_forgotten_when_it_is_answered():
    server, ends = serve()
    client = connect(server)

    server.protocol_disconnected(client)  # the answer is written
    await let_callbacks_run()
    assert client in server.connections  # its application still runs
    ends.set_result(None)
    await let_callbacks_run()

    assert server.connections == {}


async def test_a_socket_whose_consumer_ended_is_kept_until_it_is_closed():
    server, ends = serve()
    client = connect(server)

    ends.set_result(None)
    await let_callbacks_run()

    assert client in server.connections


async def test_what_closes_after_it_was_forgotten_is_no_error():
    server, ends = serve()
    client = connect(server)
    server.protocol_disconnected(client)  # rejected
    ends.set_result(None)
    await let_callbacks_run()

    server.protocol_disconnected(client)  # and closed

    assert server.connections == {}


async def test_an_application_that_failed_is_left_to_the_log(caplog):
    server, ends = serve()
    client = connect(server)
    server.protocol_disconnected(client)

    ends.set_exception(RuntimeError("broken"))
    await let_callbacks_run()
    assert client in server.connections
    server.application_checker()

    assert server.connections == {}
    assert "Exception inside application: broken" in caplog.text
