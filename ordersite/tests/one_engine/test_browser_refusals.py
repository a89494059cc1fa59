"""The test page in a real browser, when orders are refused or nobody answers."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from orders.access.guards import not_trading
from orders.problems import internal_error
from orders.socket_intake import problem_of
from ordersite.tests.engine import RunningEngine

from .browser import (
    LAPTOP,
    Browse,
    open_test_page,
    screenshot,
)
from .orders_page import (
    assert_all_confirmed,
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


async def test_an_order_that_is_refused_says_why(
    running_engine: RunningEngine, browse: Browse
):
    async with browse(**LAPTOP) as page:
        await open_test_page(page, running_engine.url)
        await page.fill("#amount", "0.00000000000000001")
        for one_socket in (False, True):
            await place(page, 2, one_socket=one_socket)
            await wait_until_over(page)

            assert await numbers(page, "confirmed", "failed") == {
                "confirmed": 0,
                "failed": 2,
            }
            notes = await page.locator(".note.is-bad").all_inner_texts()
            assert len(notes) == 2
            assert all("decimals" in note for note in notes)
            assert await page.get_attribute("#verdict", "data-state") == "idle"
            assert "No order was accepted" in await page.inner_text("#verdict-text")
        await screenshot(page, "laptop-all-refused")


async def test_while_trading_is_halted_the_page_says_so_and_comes_back_when_asked_to(
    running_engine: RunningEngine, browse: Browse
):
    halted = problem_of(not_trading())
    body = json.dumps(halted.body(instance="/api/orders/execute"))
    sent: list[str] = []
    opened: list[str] = []

    async def between(route: Route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) > 2:
            await route.continue_()
            return
        headers = {"Retry-After": halted.headers["Retry-After"]}
        await route.fulfill(status=halted.status, headers=headers, body=body)

    async def refuse_the_first(socket: WebSocketRoute) -> None:
        opened.append(socket.url)
        if len(opened) == 1:
            await socket.close(code=4401)
        else:
            socket.connect_to_server()

    async def mark(route: Route) -> None:
        answer = await route.fetch()
        document = await answer.json()
        document["wsUrl"] += "&after=0"
        await route.fulfill(response=answer, json=document)

    async with browse(**LAPTOP) as page:
        await page.clock.install()
        await page.route("**/api/orders/execute", between)
        await page.route_web_socket("**/api/orders/execute?**", refuse_the_first)
        await page.route("**/api/orders/*/ticket", mark)
        await open_test_page(page, running_engine.url)
        await place(page, 2)
        await see_the_halt(page)
        await expect(page.locator("#verdict-text")).to_have_text(
            "Trading is halted: 2 orders are not accepted yet. There are no events yet."
        )
        await screenshot(page, "laptop-halted")

        await page.clock.fast_forward(58_000)
        assert len(sent) == 2
        await page.clock.fast_forward(60 * 250)  # the jitter, too
        await wait_until_over(page)
        await assert_all_confirmed(page, 2)
        assert await page.get_by_role("alert").is_hidden()
    assert sorted(sent[2:]) == sorted(sent[:2])
    # Who is refused for a ticket opens the socket with another one.
    assert [url.endswith("&after=0") for url in opened].count(True) == 1
    assert len(opened) == 3


async def see_the_halt(page: Page) -> None:
    """Wait until the page says that trading is halted, above two orders that wait for it."""
    alert = page.get_by_role("alert")
    await alert.wait_for()
    said = await alert.inner_text()
    assert "Trading is halted." in said
    assert "sent again in about 60 seconds" in said
    assert "Operators see why." in said
    waiting = page.get_by_text("waits · trading is halted")
    await expect(waiting).to_have_count(2)
    await expect(page.locator("#verdict-text")).to_contain_text(
        "Trading is halted: 2 orders are not accepted yet."
    )


async def test_orders_over_one_socket_that_could_not_be_stored_are_sent_again(
    running_engine: RunningEngine, browse: Browse
):
    refusals = [problem_of(one) for one in (not_trading(), not_trading())]
    refusals.insert(1, internal_error())
    sent: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(message: str | bytes) -> None:
            sent.append(json.loads(message)["idempotencyKey"])
            if len(sent) <= len(refusals):
                refusal = refusals[len(sent) - 1].body(instance="/")
                socket.send(json.dumps(refusal))
            else:
                server.send(message)

        socket.on_message(to_server)

    async with browse(**LAPTOP) as page:
        await page.clock.install()
        await page.route_web_socket("**/api/orders/execute", between)
        await open_test_page(page, running_engine.url)
        await place(page, 10, one_socket=True)
        await see_the_halt(page)
        await page.clock.fast_forward(75_000)
        await wait_until_over(page)

        await assert_all_confirmed(page, 10)
    assert (len(sent), len(set(sent))) == (13, 10)
    assert sorted(sent[10:]) == sorted(sent[:3])


async def test_an_engine_that_does_not_answer_is_said_and_tried_again(
    running_engine: RunningEngine, browse: Browse
):
    async def break_off(route: Route) -> None:
        await route.abort()

    async with browse(**LAPTOP) as page:
        await page.route("**/api/venues", break_off)
        await page.goto(f"{running_engine.url}/test-concurrent-orders")
        alert = page.get_by_role("alert")
        await alert.wait_for()
        assert "The engine does not answer." in await alert.inner_text()
        assert await page.is_disabled("#run")
        await screenshot(page, "laptop-problem")

        await page.unroute("**/api/venues")
        await page.get_by_role("button", name="Try again").click()
        await page.wait_for_selector("#pairs input", state="attached")
        assert await alert.is_hidden()
        assert await page.is_enabled("#run")
