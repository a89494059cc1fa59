"""The page of concurrent orders, as tests use it and read it."""

from __future__ import annotations

from playwright.async_api import Page

OVER = "() => document.getElementById('run').textContent === 'Place again'"
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


async def keep_dropping_all_sockets(page: Page) -> None:
    """Press the button every 400 ms for six times while orders are under way."""
    await page.evaluate(
        """() => {
            let left = 6;
            const pressing = setInterval(() => {
                document.getElementById("drop").click();
                left -= 1;
                if (left === 0) clearInterval(pressing);
            }, 400);
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
