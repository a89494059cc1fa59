"""The real processes of a run, in a data folder of its own, and how it talks to them."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from solders.pubkey import Pubkey

from dex.chain import known_chain
from dex.localnet.store import Store
from execution.audit.landed import Landed, read_landed
from ordersite.console import Console
from ordersite.development import development_key
from ordersite.exclusive import claim_web_port
from ordersite.site import Site
from ordersite.variation import Variation, names
from ordersite.wishes import Wish, order_body

from .caretaker import Caretaker
from .kills import Killer
from .nodes import Nodes
from .points import Asking

READY_WITHIN_S = 60.0
TIMEOUT_S = 10.0
# So many calls in a row without an answer are no fault of ours any more.
MOST_LOST = 200
# That place orders at the same time.
CLIENTS = 8


class HouseFailed(Exception):
    """The processes do not do what the run needs; the message says which."""


class House:
    """PostgreSQL, Valkey, localnet, workers, keepers and web, as `make run` starts them.

    The last three can be made to die at named points, and reach localnet over proxies.
    """

    def __init__(
        self,
        console: Console,
        *,
        slot_time_s: float,
        seed: int,
        workers: int = 1,
        keepers: int = 1,
    ) -> None:
        folder = settings.VAR_DIR / "points"
        folder.mkdir(parents=True)
        self.caretaker = Caretaker(console)
        asking = Asking(folder)
        self.killer = Killer(self.caretaker, asking)
        self.nodes = Nodes()
        self.holders = [*names("worker", workers), *names("keeper", keepers)]
        variation = Variation(
            localnet_options=(
                *("--control", "--seed", str(seed), "--slots-to-confirm", "1"),
                *("--slot-time", f"{slot_time_s:g}"),
            ),
            workers=workers,
            keepers=keepers,
            webs=1,  # that the run strikes down by its name
            launcher=lambda name: (
                *("-m", "ordersite.chaos.armed"),
                str(asking.file(name)),
            ),
            environment=self.nodes.start(),
        )
        self._listening = claim_web_port(settings.PORT)
        self._site = Site(console, self.caretaker, self._listening, variation)
        self._nodes: itertools.cycle[int] = itertools.cycle([0])
        self._lost = 0

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises what Site does."""
        self._site.start()
        port = settings.EMBEDDED.localnet_port()
        self._nodes = itertools.cycle([port, port + 2])
        self._site.wait_until_ready(READY_WITHIN_S)

    def control(self, method: str, *params: Any) -> Any:
        """Call a method of localnet's at one of its nodes; None when no answer comes.

        The faults that are in force strike these calls as well. Raises HouseFailed for
        an error, and when no answer came for too long.
        """
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = _post(next(self._nodes), "/", json.dumps(body))
        content = answer[1] if answer is not None else None
        if isinstance(content, dict) and _is_refusal(content.get("error")):
            raise HouseFailed(f"{method}: {content['error']}")
        if isinstance(content, dict) and SHAPES[method](content.get("result")):
            self._lost = 0
            return content["result"]
        self._lost += 1
        if self._lost == MOST_LOST:
            raise HouseFailed(f"{method}: no node of localnet answers")
        return None

    def place(self, wishes: Sequence[Wish]) -> list[UUID]:
        """Place orders over the API, some at once; return the ids of the stored ones."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            placed = list(clients.map(self._place, wishes))
        return [order_id for order_id in placed if order_id is not None]

    def _place(self, wish: Wish) -> UUID | None:
        """Place one order, once however often it is asked for."""
        body = order_body(wish)
        key = str(uuid4())
        for _ in range(3):
            answer = _post(
                settings.PORT, "/api/orders/execute", json.dumps(body), key=key
            )
            if answer is not None and answer[0] in (200, 201):
                return UUID(answer[1]["orderId"])
        return None

    def stop_processes(self) -> None:
        """Stop all but PostgreSQL and Valkey: nothing changes any more."""
        self.caretaker.stop_last()  # workers, keepers and web
        self.caretaker.stop_last()  # localnet

    def stop(self) -> None:
        """Stop whatever runs."""
        self.caretaker.stop()
        self.nodes.stop()
        self._listening.close()


def landed() -> list[Landed]:
    """Read the ledger's file; localnet must have stopped. Raises HouseFailed."""
    chain = known_chain()
    if chain is None:
        raise HouseFailed("the database has met no chain")
    store = Store(settings.EMBEDDED.localnet)
    try:
        return list(read_landed(store.history, Pubkey.from_string(chain.wallet)))
    finally:
        store.close()


# What tells a real answer from one that a fault garbled.
SHAPES: dict[str, Callable[[Any], bool]] = {
    "localnet_fault": lambda result: isinstance(result, dict) and "id" in result,
    "localnet_faults": lambda result: isinstance(result, list),
    "localnet_clearFaults": lambda result: isinstance(result, int),
}


def _is_refusal(error: Any) -> bool:
    """Say whether localnet refuses the call; what its faults answer has other codes."""
    return isinstance(error, dict) and error.get("code") in (-32601, -32602)


def _post(
    port: int, path: str, body: str, *, key: str | None = None
) -> tuple[int, Any] | None:
    """Post JSON to a process of this machine; None when no JSON comes back."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
        headers["Authorization"] = f"Bearer {development_key()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
