"""The lists of the admin in a real browser of 1280 pixels, with rows as wide as they get."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from dex.guard_changes import record_change
from dex.halting import halt_by_operator
from dex.models import Rule
from dex.tests.guard_records import meet_test_chain
from orders.models import Order, OwnerLimit, Status, WaitingCode
from orders.tests.accounts import make_text
from orders.tests.helpers import (
    claim,
    make_order,
    make_order_at,
    make_owner,
    make_pool,
    make_token,
)
from orders.threads import in_thread
from orders.waiting import note_waiting
from ordersite.tests.web import WebProcess, web_process

from .browser import LAPTOP, Browse, screenshot

pytestmark = [
    pytest.mark.usefixtures("chromium"),
    pytest.mark.django_db(transaction=True),
]

LISTS = (
    *("orders/order", "orders/apikey", "orders/ownerlimit", "dex/token", "dex/pool"),
    *("dex/tradinghalt", "dex/guardchange", "auth/user"),
)
# What holds a list, and how much of it is out of sight.
CUT_OFF = """() => [document.documentElement, document.querySelector(".results")].map(
    (box) => box.scrollWidth - box.clientWidth)"""
LONG_NAME = "treasury-operations.emea@example.com"


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[WebProcess]:
    with web_process(tmp_path) as running:
        yield running


def make_wide_rows() -> str:
    """Make what the lists show at its widest; return a session that sees all of it."""
    meet_test_chain()
    admin = User.objects.create_superuser("admin", password="x")
    owner = make_owner(LONG_NAME)
    pair = {"token_in": make_token("USDC"), "token_out": make_token("MET")}
    make_pool(token_a=pair["token_in"], token_b=pair["token_out"])
    make_orders(owner, pair)
    make_text(owner)
    OwnerLimit.objects.create(owner=owner, max_open_orders=1_000_000)
    reason = "https://status.provider.example/incidents/" + "5f2c" * 20
    changed = {"by": LONG_NAME, "reason": reason}
    record_change(
        Rule.MAX_ORDER,
        None,
        "1234567.123456789",
        subject=pair["token_in"].mint,
        **changed,
    )
    halt_by_operator(**changed)
    client = Client()
    client.force_login(admin)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def make_orders(owner: User, pair: dict[str, Any]) -> None:
    wide: dict[str, Any] = {**pair, "owner": owner, "amount_in": 1_234_567_123456789}
    filled, _ = make_order_at(Status.CONFIRMED, **wide)
    Order.objects.filter(id=filled.id).update(
        amount_out=1_005_046_613_000_001, venue="meteora"
    )
    make_order_at(Status.FAILED, **wide)
    make_order_at(Status.CONFIRMED, owner=make_owner(), amount_in=5_046_613, **pair)
    waiting = make_order(**wide)
    note_waiting(claim(waiting), WaitingCode.ENDPOINTS_DISAGREE, "They differ.")
    Order.objects.update(created_at=Now() - timedelta(days=400, hours=23), attempt=3)
    Order.objects.filter(id=waiting.id).update(
        waiting_since=Now() - timedelta(hours=12, minutes=59)
    )


@pytest.mark.asyncio(loop_scope="session")
async def test_no_list_is_wider_than_a_screen_of_1280_pixels(
    web: WebProcess, browse: Browse
):
    session = await in_thread(make_wide_rows)
    cut_off = {}
    async with browse(**LAPTOP) as page:
        await page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": web.url}]
        )
        for name in LISTS:
            await page.goto(f"{web.url}/admin/{name}/")
            assert await page.locator("#result_list tbody tr").count() > 0, name
            assert await page.is_visible("#nav-sidebar")
            cut_off[name] = await page.evaluate(CUT_OFF)
            await screenshot(page, f"list-{name.replace('/', '-')}")

    assert cut_off == {name: [0, 0] for name in LISTS}
