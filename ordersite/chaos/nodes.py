"""Proxies between the engine and localnet's nodes: one per node and protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings

from dex.background import BackgroundLoop
from ordersite.exclusive import LOCALNET_NODES

from .proxy import Proxy
from .schedule import NODE_CUT, NODE_RESET, NODE_STALL

# Into an answer: within its head, so that it is never taken for a whole one.
CUT_BYTES = 60
TIMEOUT_S = 10.0


class Nodes:
    """What the engine takes for localnet's nodes; the run itself asks them directly."""

    def __init__(self) -> None:
        self._loop = BackgroundLoop("proxies")
        # Of each node: HTTP, and the WebSocket on the port beside it.
        self._proxies = [
            (_proxy(2 * node), _proxy(2 * node + 1)) for node in range(LOCALNET_NODES)
        ]

    def start(self) -> Mapping[str, str]:
        """Listen; return the settings by which the engine's processes come this way."""
        ports = [
            tuple(self._loop.run(proxy.start(), TIMEOUT_S) for proxy in pair)
            for pair in self._proxies
        ]
        return {
            "SOLANA_RPC_URLS": ",".join(
                f"http://127.0.0.1:{http}" for http, _ in ports
            ),
            "SOLANA_WS_URLS": ",".join(f"ws://127.0.0.1:{ws}" for _, ws in ports),
        }

    def stop(self) -> None:
        for pair in self._proxies:
            for proxy in pair:
                self._loop.run(proxy.stop(), TIMEOUT_S)

    def strike(self, target: str, kind: str) -> Callable[[], None] | None:
        """Begin a fault of a node; return how it is ended, None for one that is over."""
        pair = self._proxies[int(target.removeprefix("node-"))]
        acts: Mapping[str, Callable[[Proxy], object]] = {
            NODE_STALL: Proxy.stall,
            NODE_RESET: Proxy.reset,
            NODE_CUT: lambda proxy: proxy.cut_after(CUT_BYTES),
        }
        self._on_loop(acts[kind], pair)
        if kind == NODE_RESET:
            return None
        return lambda: self._on_loop(Proxy.flow, pair)

    def _on_loop(self, act: Callable[[Proxy], object], pair: tuple[Proxy, ...]) -> None:
        async def acting() -> None:
            for proxy in pair:
                act(proxy)

        self._loop.run(acting(), TIMEOUT_S)


def _proxy(offset: int) -> Proxy:
    # Localnet chooses its ports when it starts, which is after this.
    return Proxy(lambda: settings.EMBEDDED.localnet_port() + offset)
