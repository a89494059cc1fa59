"""Chromium, and the test page in it, for tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.async_api import Browser, Page, async_playwright

LAPTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


Browse = Callable[..., AbstractAsyncContextManager[Page]]


def find_chromium(config: pytest.Config) -> str:
    """Return chromium's path; skip the tests that need it, or fail if REQUIRE_BROWSER=1."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is not None:
        return path
    message = "chromium is not installed (on Debian: apt-get install chromium)"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        reporter.write_line(f"Browser tests are skipped: {message}")
    pytest.skip(message)


@asynccontextmanager
async def running_browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Chromium's own sandbox refuses root.
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=arguments
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def browser_page(
    browser: Browser, complaints: list[str], **options: Any
) -> AsyncIterator[Page]:
    """Open one page, which shares nothing with others but the program that shows it.

    What its console and its scripts complain of goes to `complaints`.
    """
    # Without transitions, each of which has the page painted anew for a while.
    page = await browser.new_page(reduced_motion="reduce", **options)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type == "error" else None
        ),
    )
    try:
        yield page
    finally:
        await page.close()  # and its context


async def open_test_page(page: Page, url: str) -> None:
    await page.goto(f"{url}/test-concurrent-orders")
    await page.wait_for_selector("#pairs input", state="attached")


async def screenshot(page: Page, name: str, **options: Any) -> None:
    """Keep a picture in var/screenshots when SCREENSHOTS=1 asks for it."""
    if os.environ.get("SCREENSHOTS") == "1":
        folder = Path(settings.BASE_DIR) / "var" / "screenshots"
        await page.screenshot(path=folder / f"{name}.png", **options)
