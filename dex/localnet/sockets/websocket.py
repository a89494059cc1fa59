"""JSON-RPC over WebSocket: one address per node, beside its HTTP port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from dex.localnet.methods.bodies import Method, answer_body, as_json, parse_error
from dex.localnet.methods.rpc import INTERNAL_ERROR, Params, RpcError, invalid
from dex.localnet.node import Node

from .feed import Feed, Listener
from .methods import KINDS, Subscribe

# As on real nodes.
MAX_MESSAGE_BYTES = 4_096
MAX_SUBSCRIPTIONS = 5_000
# What a client has not read yet; one that stays further behind is cut off.
MAX_UNREAD_BYTES = 4 * 1024 * 1024
# A peer that vanished is noticed within half as much again.
HEARTBEAT_S = 30.0


def make_socket_app(node: Node) -> web.Application:
    """Return the WebSocket application of one node."""
    feed = Feed(node)
    open_sockets: set[web.WebSocketResponse] = set()

    async def connect(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=False,
        )
        await socket.prepare(request)
        open_sockets.add(socket)
        transport = request.transport
        abort = (lambda: None) if transport is None else transport.abort
        connection = Connection(node, feed, socket, abort)
        try:
            await connection.serve()
        finally:
            open_sockets.discard(socket)
        return socket

    async def listening(app: web.Application) -> AsyncIterator[None]:
        node.network.listeners.append(feed.hear)
        yield
        node.network.listeners.remove(feed.hear)

    async def close_all(app: web.Application) -> None:
        leaving = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in open_sockets]
        await asyncio.gather(*leaving)

    app = web.Application()
    app.router.add_get("/{path:.*}", connect)
    app.cleanup_ctx.append(listening)
    app.on_shutdown.append(close_all)
    return app


class Connection:
    """One client: what it subscribed to, and what it has not read yet."""

    def __init__(
        self,
        node: Node,
        feed: Feed,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
    ) -> None:
        self._node = node
        self._feed = feed
        self._socket = socket
        self._abort = abort
        self._unread: asyncio.Queue[str] = asyncio.Queue()
        self._unread_bytes = 0
        self._is_cut = False
        self._listeners: dict[int, Listener] = {}
        self._new: list[Listener] = []
        self._methods: dict[str, Method] = {}
        for kind, subscribe in KINDS.items():
            self._methods[f"{kind}Subscribe"] = partial(self._subscribe, subscribe)
            self._methods[f"{kind}Unsubscribe"] = self._unsubscribe

    async def serve(self) -> None:
        """Answer until the client leaves, and forget its subscriptions then."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._answer(message.data)
        finally:
            writer.cancel()
            for listener in self._listeners.values():
                self._feed.remove(listener)

    def _answer(self, data: str | bytes) -> None:
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            self._send_text(parse_error())
            return
        answers = answer_body(self._methods, self._node, body)
        if answers is not None:
            self._send_text(answers)
        # Only now: a notification never comes before the id it belongs to.
        new, self._new = self._new, []
        self._feed.look(new)

    def _subscribe(self, subscribe: Subscribe, node: Node, params: Params) -> int:
        self._forget_those_over()
        if len(self._listeners) >= MAX_SUBSCRIPTIONS:
            raise RpcError(
                INTERNAL_ERROR,
                "Internal Error: Subscription refused. Node subscription limit reached",
            )
        listener = self._feed.add(subscribe(node, params), self._send, self._cut)
        self._listeners[listener.identity] = listener
        self._new.append(listener)
        return listener.identity

    def _unsubscribe(self, node: Node, params: Params) -> bool:
        identity = params.get(0)
        listener = None
        if isinstance(identity, int) and not isinstance(identity, bool):
            listener = self._listeners.pop(identity, None)
        if listener is None or not self._feed.has(listener):
            raise invalid("Invalid subscription id.")
        self._feed.remove(listener)
        return True

    def _forget_those_over(self) -> None:
        if len(self._listeners) >= MAX_SUBSCRIPTIONS:
            self._listeners = {
                identity: listener
                for identity, listener in self._listeners.items()
                if self._feed.has(listener)
            }

    def _send(self, message: Any) -> None:
        self._send_text(as_json(message))

    def _send_text(self, text: str) -> None:
        if self._is_cut or self._node.ws_silent():
            return
        self._unread_bytes += len(text)
        self._unread.put_nowait(text)
        if self._unread_bytes > MAX_UNREAD_BYTES:
            self._cut()

    def _cut(self) -> None:
        """End the connection without a word: its client would not read one."""
        self._is_cut = True
        self._abort()

    async def _write(self) -> None:
        while True:
            text = await self._unread.get()
            try:
                await self._socket.send_str(text)
            except ConnectionError:
                return  # the client has left, and `serve` ends, too
            self._unread_bytes -= len(text)
