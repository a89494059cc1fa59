"""The page of concurrent orders, as tests use it and read it."""

from __future__ import annotations

from playwright.async_api import Page

OVER = "() => document.getElementById('run').textContent === 'Place again'"
LOOK_EVERY_MS = 50  # by default it is each frame, which draws the page as often
NOTHING_WRONG = {"lost": 0, "duplicated": 0, "out-of-order": 0}


async def numbers(page: Page, *ids: str) -> dict[str, int]:
    return {name: int(await page.inner_text(f"#{name}")) for name in ids}


async def verdict(page: Page) -> dict[str, int]:
    return await numbers(page, *NOTHING_WRONG)


async def place(page: Page, count: int, *, one_socket: bool = False) -> None:
    await page.fill("#count", str(count))
    if one_socket:
        await page.get_by_text("One socket").click()
    await page.click("#run")


async def wait_until_over(page: Page) -> None:
    await page.wait_for_function(OVER, polling=LOOK_EVERY_MS, timeout=60_000)


async def keep_dropping_all_sockets(page: Page) -> None:
    """Press the button again and again until it has cut three sockets or more.

    It cuts open sockets only, and on a busy machine many are still opening.
    """
    await page.evaluate(
        """() => {
            const pressing = setInterval(() => {
                document.getElementById("drop").click();
                if (Number(document.getElementById("dropped").textContent) >= 3) {
                    clearInterval(pressing);
                }
            }, 150);
        }"""
    )


async def assert_all_confirmed(page: Page, count: int) -> None:
    assert await numbers(page, "confirmed", "placed", "failed") == {
        "confirmed": count,
        "placed": count,
        "failed": 0,
    }
    assert await verdict(page) == NOTHING_WRONG
    assert await page.get_attribute("#verdict", "data-state") == "clean"
    # Five events each, or more where an attempt was repeated.
    assert (await numbers(page, "events"))["events"] >= 5 * count
    assert await page.locator("tr[data-status=confirmed]").count() == count
