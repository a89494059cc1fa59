"""What an operator changes here counts in a web process there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from dex.chain import meet_chain
from dex.halting import halt_by_operator
from dex.models import Token
from orders.models import Order, OrderLimits
from orders.tests.clients import PATH, order_text
from orders.tests.helpers import make_owner, make_token
from orders.threads import in_thread

from .web import WebProcess, web_process

pytestmark = pytest.mark.django_db(transaction=True)

# A second, and what the last answer itself may take on a busy machine.
WITHIN_S = 1.0 + 0.5

CHANGES: dict[str, Callable[[], object]] = {
    "trading_halted": lambda: halt_by_operator(by="ann", reason="a leak"),
    "order_too_large": lambda: Token.objects.filter(symbol="A").update(max_order=1),
    "too_many_open_orders": lambda: OrderLimits.objects.create(id=1, max_open_orders=1),
    "validation_failed": lambda: OrderLimits.objects.create(id=1, max_slippage_bps=1),
}


@pytest.fixture(autouse=True)
def tokens(transactional_db: None) -> None:
    make_owner()
    make_token("A")
    make_token("B")
    meet_chain(
        genesis_hash="GenesisA",
        is_localnet=True,
        wallet="WalletA",
        newest_signature="sig1",
    )


@pytest.fixture
def web(tmp_path) -> Iterator[WebProcess]:
    with web_process(tmp_path, REMEMBERS="1") as process:
        yield process


@pytest.mark.parametrize(("code", "change"), CHANGES.items(), ids=CHANGES)
async def test_a_change_counts_in_another_process_within_a_second(
    web, code: str, change: Callable[[], object]
):
    placed = 0
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def answer() -> dict[str, Any]:
            async with client.post(web.url + PATH, data=order_text()) as response:
                return dict(await response.json(content_type=None))

        for _ in range(2):
            assert "orderId" in await answer()
            placed += 1
        await in_thread(change)
        changed_at = time.monotonic()
        while "orderId" in (said := await answer()):
            placed += 1
            assert time.monotonic() - changed_at < WITHIN_S

    assert said["code"] == code
    assert await in_thread(Order.objects.count) == placed
