"""What an operator changes here counts in a web process there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aiohttp
import pytest

from dex.chain import meet_chain
from dex.halting import halt_by_operator
from dex.models import Token
from orders.models import Order, OrderLimits
from orders.tests.clients import PATH, order_text
from orders.tests.helpers import make_owner, make_token
from orders.threads import in_thread

from .web import web_process

pytestmark = pytest.mark.django_db(transaction=True)

# A second, and what the last answer itself may take on a busy machine.
WITHIN_S = 1.0 + 0.5

# By the code of what it refuses: what an operator changes. Each is said rather than those
# before it.
CHANGES: dict[str, Callable[[], object]] = {
    "too_many_open_orders": lambda: OrderLimits.objects.create(id=1, max_open_orders=1),
    "order_too_large": lambda: Token.objects.filter(symbol="A").update(max_order=1),
    "trading_halted": lambda: halt_by_operator(by="ann", reason="a leak"),
    "validation_failed": lambda: OrderLimits.objects.update(max_slippage_bps=1),
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


async def test_a_change_counts_in_another_process_within_a_second(tmp_path):
    placed = 0
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def code() -> str:
            nonlocal placed
            async with client.post(web.url + PATH, data=order_text()) as response:
                said = await response.json(content_type=None)
            placed += "orderId" in said
            return str(said.get("code", ""))

        with web_process(tmp_path, REMEMBERS="1") as web:
            for _ in range(2):
                assert await code() == ""
            for expected, change in CHANGES.items():
                await in_thread(change)
                changed_at = time.monotonic()
                while await code() != expected:
                    assert time.monotonic() - changed_at < WITHIN_S
                    await asyncio.sleep(0.02)

    assert await in_thread(Order.objects.count) == placed
