from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from ordersite.tests.engine import RunningEngine, engine_in

from .browser import Browse, browser_page, find_chromium, running_browser


@pytest.fixture(scope="session")
def running_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """Everything that `make run` runs, once for all tests that need it."""
    with engine_in(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> str:
    return find_chromium(pytestconfig)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with running_browser(chromium) as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def browse(browser: Browser, complaints: list[str]) -> Browse:
    """Open a page; `complaints` collects what goes wrong in it."""
    return partial(browser_page, browser, complaints)
