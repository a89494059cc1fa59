"""What a web process writes down of an address: its path, and never its query."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from orders.tests.helpers import make_order
from orders.threads import in_thread

from .web import WebProcess, web_process

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-4f1c"


async def test_no_log_holds_the_query_of_a_request_or_a_socket(tmp_path: Path):
    order = await in_thread(make_order)
    # With daphne's own access log, which is on unless one says otherwise.
    with web_process(tmp_path, "--verbosity", "3", LOG_LEVEL="DEBUG") as web:
        async with aiohttp.ClientSession(web.url) as client:
            statuses = [await ask(client, *asked) for asked in REQUESTS]
            closed = [
                await open_and_close(client, query.format(order.id), headers)
                for query, headers in SOCKETS
            ]
            nowhere = await open_and_close(client, f"x?ticket={CANARY}", {})
        broken = [await speak(web, first) for first in BROKEN]

    assert statuses == [200, 400, 404, 404, 401, 400, 301, 404]
    assert closed == [4401, 4401, 4400, 4400, 403, 400, 400]
    assert nowhere == 4404
    assert all(answer.startswith(b"HTTP/1.1 400") for answer in broken)
    log = web.log.read_text()
    assert max(map(len, log.splitlines())) < 1_000
    assert '"GET /api/tokens" 200' in log  # the access log was on
    assert "WSCONNECT /api/orders/execute" in log
    assert CANARY not in log


# Method, path and headers.
REQUESTS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", f"/api/tokens?x={CANARY}", {}),
    ("GET", f"/api/orders?cursor={CANARY}", {}),
    ("GET", f"/nothing?ticket={CANARY}", {}),
    ("GET", f"/api/nothing?ticket={CANARY}", {}),
    ("GET", f"/api/orders?key={CANARY}", {"Authorization": f"Bearer {CANARY}"}),
    ("GET", f"/api/tokens?x={CANARY}", {"Host": "evil.example"}),
    ("GET", f"/admin?next={CANARY}", {}),
    ("GET", "/" + "p" * 15_000, {}),
]
EXECUTE = "api/orders/execute"
SOCKETS: list[tuple[str, dict[str, str]]] = [
    (f"{EXECUTE}?orderId={{}}&ticket={CANARY}", {}),
    (f"{EXECUTE}?orderId={{}}", {"Authorization": f"Bearer {CANARY}"}),
    (f"{EXECUTE}?{CANARY}=1", {}),
    (f"{EXECUTE}?orderId={CANARY}", {}),
    (f"{EXECUTE}?orderId={{}}&ticket={CANARY}", {"Origin": "http://evil.example"}),
    (f"{EXECUTE}?ticket={CANARY}", {"Host": "evil.example"}),
    (f"{EXECUTE}?ticket={CANARY}", {"Sec-WebSocket-Version": "99"}),
]
BROKEN = [f"GET /api/orders?x={CANARY}", f"GET /api/örders?x={CANARY} HTTP/1.1"]


async def ask(
    client: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str]
) -> int:
    async with client.request(
        method, path, headers=headers, allow_redirects=False
    ) as answer:
        await answer.read()
        return answer.status


async def open_and_close(
    client: aiohttp.ClientSession, path: str, headers: dict[str, str]
) -> int | None:
    """Return the close code of a socket, or the status with which it was refused."""
    try:
        async with client.ws_connect(f"/{path}", headers=headers) as socket:
            async for _ in socket:
                pass
            return socket.close_code
    except aiohttp.WSServerHandshakeError as refusal:
        return refusal.status


async def speak(web: WebProcess, first: str) -> bytes:
    """Send a first line that no client sends; return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(f"{first}\r\nHost: localhost\r\n\r\n".encode())
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer
