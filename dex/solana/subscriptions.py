"""What a node's WebSocket says landed: a hint to ask at once, and never an outcome.

One socket an endpoint, for everything that is open. A notification wakes the status
poller of that endpoint, which then asks as it would have done a little later. So a socket
that is silent, lies or is away costs nothing but that little.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from yarl import URL

from dex.types import Expired

from .tracking import Tracked, Tracker

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024
# Whatever a process carries at once, within reason. A provider that allows a socket less
# refuses, and is asked no more than it allowed.
MAX_SUBSCRIPTIONS = 4_000
CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 0.5
HEARTBEAT_S = 10.0
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0


def socket_urls(
    rpc_urls: Sequence[str], ws_urls: Sequence[str] | None
) -> dict[str, URL]:
    """Return the socket of each endpoint, by the endpoint's name (host and port).

    `ws_urls` None means: by the rule of @solana/web3.js (makeWebsocketUrl): the next port
    where one is written, else the same address. Otherwise one for each of `rpc_urls`,
    in their order, or none at all.
    """
    endpoints = [URL(url) for url in rpc_urls]
    if ws_urls is None:
        sockets = [_beside(url) for url in endpoints]
    else:
        sockets = [URL(url) for url in ws_urls]
    return {
        f"{endpoint.host}:{endpoint.port}": socket
        for endpoint, socket in zip(endpoints, sockets, strict=bool(sockets))
    }


def _beside(endpoint: URL) -> URL:
    scheme = "wss" if endpoint.scheme == "https" else "ws"
    port = endpoint.explicit_port
    # The scheme first: with it, a port that is not written becomes the other default.
    url = endpoint.with_scheme(scheme)
    return url if port is None else url.with_port(port + 1)


class SignatureSocket:
    """Subscribes to every open signature over one connection, kept up with back-off.

    `hint` is set when something may have landed, and `on_landed` is called with its
    signature. The URL may hold a key: it is not shown.
    """

    def __init__(
        self,
        tracker: Tracker,
        endpoint: str,
        url: URL,
        *,
        on_landed: Callable[[str], None] = lambda signature: None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.hint = asyncio.Event()
        self._tracker = tracker
        self._endpoint = endpoint
        self._url = url
        self._on_landed = on_landed
        self._first_pause_s = first_pause_s
        self._pause_s = first_pause_s
        self._last_id = 0
        self._outbox: asyncio.Queue[dict[str, Any]] | None = None  # None: not connected
        self._most = MAX_SUBSCRIPTIONS
        self._asked: dict[int, str] = {}  # signature by the id of its subscribe call
        self._asking: set[str] = set()  # of these, what is still followed
        self._subscribed: dict[str, int] = {}  # subscription by signature
        self._signatures: dict[int, str] = {}  # and the other way round
        # Something landed, and the socket had not said so.
        self._missed_one = False
        tracker.watchers.append(self)

    @property
    def is_prompt(self) -> bool:
        """Whether it can be relied upon to tell of everything that is open."""
        return (
            self._outbox is not None
            and not self._missed_one
            and len(self._subscribed) + len(self._asking) == self._tracker.count
        )

    def opened(self, tracked: Tracked) -> None:
        """Subscribe to a signature that is followed from now on."""
        known = len(self._asked) + len(self._subscribed)
        if self._outbox is None or known >= self._most:
            return
        signature = tracked.transaction.signature
        options = {"commitment": "confirmed"}
        self._asked[self._ask("signatureSubscribe", [signature, options])] = signature
        self._asking.add(signature)

    def closed(self, tracked: Tracked) -> None:
        """Forget a signature that nobody follows any more."""
        signature = tracked.transaction.signature
        subscription = self._subscribed.pop(signature, None)
        if subscription is not None:
            del self._signatures[subscription]
            self._ask("signatureUnsubscribe", [subscription])
        elif signature in self._asking:
            self._asking.remove(signature)  # unsubscribed when it is answered
        else:
            return
        outcome = tracked.outcome
        if outcome.done() and not outcome.cancelled() and not outcome.exception():
            self._missed_one |= not isinstance(outcome.result(), Expired)

    async def keep_up(self) -> None:
        """Connect when something is open, and listen until the connection ends."""
        await self._tracker.open()
        try:
            await self._connect()
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            # `error` itself may show the URL with its key.
            reason = type(error).__name__
            logger.info("the socket of %s: %s", self._endpoint, reason)
        finally:
            self._outbox = None
            self.hint.set()  # whoever relies on it must not any longer
            self._asking.clear()
            for state in (self._asked, self._subscribed, self._signatures):
                state.clear()
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)

    async def _connect(self) -> None:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await session.ws_connect(
                    self._url,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
            try:
                await self._converse(socket)
            finally:
                await socket.close()

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._outbox = asyncio.Queue()
        self._most = MAX_SUBSCRIPTIONS
        for tracked in self._tracker.undecided():
            self.opened(tracked)
        sending = asyncio.create_task(_send_all(socket, self._outbox))
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._hear(json.loads(message.data))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _ask(self, method: str, params: list[Any]) -> int:
        assert self._outbox is not None
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": params}
        self._outbox.put_nowait({"jsonrpc": "2.0", **request})
        return self._last_id

    def _hear(self, message: Any) -> None:
        """Take one message; what makes no sense, or refuses, is passed over.

        What was never subscribed keeps the socket from being relied upon.
        """
        match message:
            case {"id": int(id_), "result": int(subscription)} if id_ in self._asked:
                signature = self._asked.pop(id_)
                self._asking.discard(signature)
                self._note_subscribed(signature, subscription)
            case {"id": int(id_), "error": _} if id_ in self._asked:
                self._asking.discard(self._asked.pop(id_))
                self._most = min(self._most, max(len(self._subscribed), 1))
            case {
                "method": "signatureNotification",
                "params": {"subscription": int(subscription)},
            } if subscription in self._signatures:
                # The node has ended the subscription with it.
                signature = self._signatures.pop(subscription)
                del self._subscribed[signature]
                self._missed_one = False
                self.hint.set()
                self._on_landed(signature)

    def _note_subscribed(self, signature: str, subscription: int) -> None:
        self._pause_s = self._first_pause_s
        if not self._tracker.is_open(signature) or subscription in self._signatures:
            self._ask("signatureUnsubscribe", [subscription])
            return
        self._subscribed[signature] = subscription
        self._signatures[subscription] = signature


async def _send_all(
    socket: aiohttp.ClientWebSocketResponse, outbox: asyncio.Queue[dict[str, Any]]
) -> None:
    while True:
        await socket.send_json(await outbox.get())
