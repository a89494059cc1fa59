"""The pages in a real browser, over the real processes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route

from ordersite.tests.engine import RunningEngine

from .browser import (
    LAPTOP,
    PHONE,
    Browse,
    open_test_page,
    screenshot,
)
from .orders_page import (
    assert_all_confirmed,
    keep_dropping_all_sockets,
    numbers,
    place,
    wait_until_over,
)

# First, so that nothing is started where there is no browser.
pytestmark = [
    pytest.mark.usefixtures("chromium"),
    pytest.mark.early,
    pytest.mark.asyncio(loop_scope="session"),
]


async def slowest_ms(running_engine: RunningEngine, browse: Browse, count: int) -> int:
    """Place so many orders by REST and see all of them confirmed."""
    async with browse(**LAPTOP, color_scheme="light") as page:
        await open_test_page(page, running_engine.url)
        await place(page, count)
        await page.wait_for_selector("tr[data-status=confirmed]", timeout=20_000)
        await screenshot(page, "laptop-light-running")
        await wait_until_over(page)
        await screenshot(page, "laptop-light")

        await assert_all_confirmed(page, count)
        latencies = await page.locator("tr[data-status=confirmed]").evaluate_all(
            "(rows) => rows.map((row) => Number(row.dataset.latency))"
        )
    assert len(latencies) == count
    return int(max(latencies))


async def test_orders_by_rest_lose_no_event(
    running_engine: RunningEngine, browse: Browse, complaints: list[str]
):
    await slowest_ms(running_engine, browse, 50)
    assert complaints == []


@pytest.mark.prove
async def test_200_orders_by_rest_are_confirmed_within_15_s(
    running_engine: RunningEngine, browse: Browse
):
    assert await slowest_ms(running_engine, browse, 200) <= 15_000


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.prove)])
async def test_orders_over_one_socket_lose_no_event_when_it_drops(
    running_engine: RunningEngine, browse: Browse, complaints: list[str], count: int
):
    async with browse(**LAPTOP, color_scheme="dark") as page:
        await open_test_page(page, running_engine.url)
        await place(page, count, one_socket=True)
        await keep_dropping_all_sockets(page)
        await wait_until_over(page)
        await screenshot(page, "laptop-dark")

        await assert_all_confirmed(page, count)
        # The one socket, and then those that followed its orders.
        assert (await numbers(page, "dropped"))["dropped"] >= 2
    assert complaints == []


async def call_tokens_by_long_names(page: Page) -> None:
    """Let the page read symbols as long as any: forked tokens may have such ones."""

    async def rename(route: Route) -> None:
        answer = await route.fetch()
        document = await answer.json()
        for venue in document["venues"]:
            for pool in venue["pools"]:
                for side in ("tokenA", "tokenB"):
                    symbol = pool[side]["symbol"]
                    pool[side]["symbol"] = f"{symbol}.73ed-pumpWWWWWW"[:16]
        await route.fulfill(response=answer, json=document)

    await page.route("**/api/venues", rename)


async def test_orders_by_rest_lose_no_event_when_all_their_sockets_drop(
    running_engine: RunningEngine, browse: Browse, complaints: list[str]
):
    async with browse(**PHONE) as page:
        await call_tokens_by_long_names(page)
        await open_test_page(page, running_engine.url)
        await place(page, 40)
        await keep_dropping_all_sockets(page)
        await wait_until_over(page)
        await screenshot(page, "phone-light", full_page=True)

        await assert_all_confirmed(page, 40)
        assert (await numbers(page, "dropped"))["dropped"] >= 2
        for width in (390, 320, 1280):
            await page.set_viewport_size({"width": width, "height": 844})
            await screenshot(page, f"long-symbols-{width}")
            assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []


async def test_the_page_is_used_with_the_keyboard_alone(
    running_engine: RunningEngine, browse: Browse
):
    async with browse(**LAPTOP) as page:
        await open_test_page(page, running_engine.url)
        await page.focus("#count")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("3")
        reached = set()
        for _ in range(12):
            await page.keyboard.press("Tab")
            reached.add(
                await page.evaluate(
                    "document.activeElement.id || document.activeElement.type"
                )
            )
        assert {"amount", "slippage", "radio", "checkbox", "run"} <= reached
        await page.focus("#run")
        await page.keyboard.press("Enter")
        await wait_until_over(page)

        await assert_all_confirmed(page, 3)


async def judged(page: Page, sequences: list[int], stored: int) -> dict[str, Any]:
    """Let the page's own code judge events that arrived so, of so many stored ones."""
    result: dict[str, Any] = await page.evaluate(
        """async ([sequences, stored]) => {
            const { EventLog, verdictOf } = await import("/static/orders/verdict.js");
            const event = (sequence) => ({ orderId: "x", sequence, data: { b: 1, a: 2 } });
            const log = new EventLog();
            sequences.forEach((sequence) => log.add(event(sequence)));
            const history = Array.from({ length: stored }, (_, index) => ({
                data: { a: 2, b: 1 }, sequence: index + 1, orderId: "x",
            }));
            return verdictOf([{ log, lost: log.lostOf(history) }]);
        }""",
        [sequences, stored],
    )
    return {name: result[name] for name in ("lost", "duplicated", "outOfOrder")}


async def test_the_verdict_sees_what_is_lost_repeated_or_out_of_order(
    running_engine: RunningEngine, browse: Browse
):
    def wrong(lost: int, duplicated: int, out_of_order: int) -> dict[str, int]:
        return {"lost": lost, "duplicated": duplicated, "outOfOrder": out_of_order}

    async with browse() as page:
        await open_test_page(page, running_engine.url)

        assert await judged(page, [1, 2, 3, 4, 5], 5) == wrong(0, 0, 0)
        assert await judged(page, [1, 2, 4, 5], 5) == wrong(1, 0, 0)
        assert await judged(page, [1, 2, 3], 5) == wrong(2, 0, 0)
        assert await judged(page, [1, 2, 2, 3, 1], 3) == wrong(0, 2, 0)
        assert await judged(page, [1, 3, 2], 3) == wrong(0, 0, 1)
        assert await judged(page, [2, 1, 1, 4], 5) == wrong(2, 1, 1)
        assert await judged(page, [], 5) == wrong(5, 0, 0)


async def test_the_admin_shows_an_order_that_was_carried_out(
    running_engine: RunningEngine, browse: Browse, complaints: list[str]
):
    async with browse(**LAPTOP, color_scheme="light") as page:
        await open_test_page(page, running_engine.url)
        await place(page, 1)
        await wait_until_over(page)
        order_id = await page.get_attribute("tr.order", "data-order")

        await page.goto(f"{running_engine.url}/admin/orders/order/")
        await page.fill("#id_username", "admin")
        await page.fill("#id_password", running_engine.admin_password)
        await page.click("[type=submit]")
        await page.wait_for_selector("#result_list")
        await screenshot(page, "admin-list")
        await page.goto(f"{running_engine.url}/admin/orders/order/{order_id}/change/")
        await screenshot(page, "admin-order", full_page=True)

        assert await page.locator(".order-quote.is-winner").count() == 1
        assert await page.locator(".order-quote").count() == 2
        steps = page.locator("[aria-labelledby=order-timeline] .order-status")
        assert await steps.all_inner_texts() == [
            "pending",
            "routing",
            "building",
            "submitted",
            "confirmed",
        ]
    assert complaints == []
