"""A small client of the engine: place orders, and follow each to its end.

Copy it and change it. It needs Python 3.11 and aiohttp. The two promises it is built on:
a request that is sent again with the same Idempotency-Key places no second order, and a
stream that is opened again with `after` misses nothing and tells nothing twice.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import aiohttp

TRIES = 8
PAUSE_S = 0.5  # before the second try; then twice as long each time
MOST_PAUSE_S = 30.0
# The server says these with Retry-After: it is worth coming back.
COME_BACK = (429, 503)
# A socket closes with 4000 and the status of what is wrong.
DONE, BAD_TICKET = 1000, 4401
LOST_FOR_NOW = (4408, 4429, 4500, 4503)


class Refused(Exception):
    """The server says no, and will say it again. `code` is stable: decide by it.

    401: the key does not count. 403: it may not do this. 404: no such order of yours.
    409: it conflicts with what there is. 422: the Idempotency-Key was used for another
    order, or a guard on money denies this one. 400: `problem["errors"]` names the fields
    that are wrong, and so does the text of this error, one in a line.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        said = f"{problem['status']} {problem['code']}: {problem['detail']}"
        fields = [f"{e['field']}: {e['message']}" for e in problem.get("errors", ())]
        super().__init__("\n".join([said, *fields]))
        self.status: int = problem["status"]
        self.code: str = problem["code"]
        self.problem = problem


class Unreachable(Exception):
    """The server did not answer however often it was asked."""


@dataclass(frozen=True)
class Placed:
    """An order that is stored. `is_new` is false when it was stored by an earlier try."""

    order_id: str
    ws_url: str
    is_new: bool


class Client:
    """Speaks to one engine with one API key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}

    @classmethod
    def of_environment(cls) -> Self:
        """Return a client of the engine at DEX_URL with the key DEX_KEY, or end the program."""
        if not (key := os.environ.get("DEX_KEY", "")):
            raise SystemExit(
                "Set DEX_KEY to an API key: `make run` keeps one in var/development_key, "
                "`manage.py apikey create` makes one."
            )
        return cls(os.environ.get("DEX_URL", "http://127.0.0.1:8000"), key)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def submit(
        self, order: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Placed:
        """Place an order once, however often it must be sent.

        Keep the key together with the order if your program may be killed, and submit it
        again with the same one. Raises Refused, Unreachable.
        """
        key = {"Idempotency-Key": idempotency_key or str(uuid4())}
        status, body = await self._ask("POST", "/api/orders/execute", order, key)
        return Placed(body["orderId"], body["wsUrl"], is_new=status == 201)

    async def order(self, order_id: str) -> dict[str, Any]:
        """Return an order as it stands, with its history. Raises Refused, Unreachable."""
        return (await self._ask("GET", f"/api/orders/{order_id}"))[1]

    async def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel an order. Raises Refused with `cancel_conflict` when it may still land."""
        return (await self._ask("POST", f"/api/orders/{order_id}/cancel"))[1]

    async def follow(
        self, order_id: str, ws_url: str = "", after: int = 0
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield each event of an order once and in order, until it has ended.

        `after` is the last `sequence` that you have. Lost connections are opened again, and
        a ticket that is too old is replaced. Raises Refused, Unreachable.
        """
        failures = 0
        while failures < TRIES:
            if not ws_url:
                ws_url = await self._new_address(order_id)
            code, problem = 1006, {}
            try:
                async with self._http.ws_connect(f"{ws_url}&after={after}") as socket:
                    async for message in socket:
                        frame = json.loads(message.data)
                        if "sequence" not in frame:
                            problem = frame  # why it will be closed
                            continue
                        after, failures = frame["sequence"], 0
                        yield frame
                    code = socket.close_code or code
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # the network: try again
            if code == DONE:
                return
            if code == BAD_TICKET:
                ws_url = ""  # it stands for the key for 15 minutes
            elif problem and code not in LOST_FOR_NOW:
                raise Refused(problem)
            failures += 1
            await asyncio.sleep(_pause_s(failures))
        raise Unreachable(f"The stream of order {order_id} was lost {TRIES} times.")

    async def _new_address(self, order_id: str) -> str:
        _, body = await self._ask("POST", f"/api/orders/{order_id}/ticket")
        address: str = body["wsUrl"]
        return address

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Ask until there is an answer that counts. Raises Refused, Unreachable."""
        sent = {**self._headers, **(headers or {})}
        last = "no answer"
        for failures in range(1, TRIES + 1):
            pause_s = _pause_s(failures)
            try:
                async with self._http.request(
                    method, self._url + path, json=body, headers=sent
                ) as response:
                    answer: dict[str, Any] = await response.json(content_type=None)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                last = repr(error)
            else:
                if response.ok:
                    return response.status, answer
                if response.status not in COME_BACK and response.status < 500:
                    raise Refused(answer)
                last = f"{answer['code']}: {answer['detail']}"
                pause_s = float(response.headers.get("Retry-After", pause_s))
            if failures < TRIES:
                await asyncio.sleep(pause_s)
        raise Unreachable(f"{method} {path}: {last}")


def _pause_s(failures: int) -> float:
    return min(PAUSE_S * 2.0 ** (failures - 1), MOST_PAUSE_S)
