"""Every page in a real browser, under the policy that allows nothing inline."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from playwright.async_api import Page
from redis import Redis
from rq import Queue
from rq.job import Job

from ordersite.embedded import Layout
from ordersite.embedded.server import wait_until
from ordersite.tests.engine import RunningEngine

from .browser import LAPTOP, Browse, open_test_page
from .orders_page import place, wait_until_over

pytestmark = [pytest.mark.usefixtures("chromium"), pytest.mark.early]
IN_THE_BROWSER = pytest.mark.asyncio(loop_scope="session")

REPORT = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
    `violation of ${event.violatedDirective} by ${event.blockedURI} in ${location}`));
"""
QUEUE = "/admin/django_rq/dashboard/"
PAGES = (
    *("/admin/", "/admin/password_change/", "/admin/nowhere/", "/nowhere", "/readyz"),
    *("/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/user/1/change/"),
    *("/admin/auth/group/add/", "/admin/auth/user/1/history/"),
    *("/admin/dex/token/", "/admin/dex/pool/", "/admin/dex/tradinghalt/"),
    *("/admin/dex/guardchange/", "/admin/dex/pool/1/delete/"),
    *("/admin/orders/apikey/add/", "/admin/orders/ownerlimit/add/"),
    *("/admin/orders/order/", "/api/docs/", "/test-concurrent-orders"),
    "/api/docs/sockets/",
    *(QUEUE, f"{QUEUE}queues/0/", f"{QUEUE}queues/0/details/"),
    *(f"{QUEUE}queues/0/finished/", f"{QUEUE}queues/0/failed/"),
    *(f"{QUEUE}queues/0/failed/clear/", f"{QUEUE}queues/0/scheduled/"),
    *(f"{QUEUE}queues/0/started/", f"{QUEUE}queues/0/deferred/"),
    *(f"{QUEUE}queues/0/empty/", f"{QUEUE}queues/0/requeue-all/"),
    *(f"{QUEUE}workers/0/",),
)


def refused_job(engine: RunningEngine) -> Job:
    """Queue a job that is no order's, and wait until the worker has refused it."""
    layout = Layout(engine.var_dir)
    connection = Redis.from_url(layout.redis_url)
    job = Queue("orders", connection=connection).enqueue("builtins.print", "x")
    assert wait_until(lambda: bool(job.is_failed and job.latest_result()), 30)
    return job


async def log_in(page: Page, engine: RunningEngine) -> None:
    await page.goto(f"{engine.url}/admin/")
    await page.fill("#id_username", "admin")
    await page.fill("#id_password", engine.admin_password)
    await page.click("[type=submit]")
    await page.wait_for_selector("#content-main")


async def pages_with_content(page: Page, engine: RunningEngine) -> list[str]:
    """Make an order and a refused job; return the pages that show them."""
    await open_test_page(page, engine.url)
    await place(page, 1)
    await wait_until_over(page)
    order = f"/admin/orders/order/{await page.get_attribute('tr.order', 'data-order')}/"
    job = refused_job(engine)
    result = job.latest_result()
    assert result is not None
    one = f"{QUEUE}queues/0/{job.id}/"
    return [
        *(f"{order}change/", f"{order}history/", one, f"{one}delete/"),
        f"{one}results/{result.id}/",
    ]


@IN_THE_BROWSER
async def test_no_page_breaks_the_policy(
    running_engine: RunningEngine, browse: Browse, complaints: list[str]
):
    async with browse(**LAPTOP) as page:
        await page.add_init_script(REPORT)
        await log_in(page, running_engine)
        addresses = [*PAGES, *await pages_with_content(page, running_engine)]
        seen = {}
        for address in addresses:
            answer = await page.goto(running_engine.url + address)
            assert answer is not None
            seen[address] = answer.status
            if address == "/api/docs/":
                await page.wait_for_selector(".opblock")
        await page.goto(f"{running_engine.url}/admin/django_rq/dashboard/workers/0/")
        await page.click("#result_list tbody a")
        await page.wait_for_selector(".data")

    assert {a for a, status in seen.items() if status != 200} == {
        "/admin/nowhere/",
        "/nowhere",
    }
    # It also complains of a status of 404, and of a slip in a script of django-rq's pages.
    assert [c for c in complaints if "violat" in c] == []


@IN_THE_BROWSER
async def test_the_browser_does_refuse_what_is_inline(
    running_engine: RunningEngine, browse: Browse, complaints: list[str]
):
    async with browse(**LAPTOP) as page:
        await page.add_init_script(REPORT)
        await open_test_page(page, running_engine.url)
        await page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "document.title = 'taken over'";
                document.head.append(script);
            }"""
        )
        assert await page.title() == "Concurrent orders"

    assert any("violation of script-src" in complaint for complaint in complaints)


def test_no_answer_names_its_server(running_engine: RunningEngine):
    for address in ("/readyz", "/static/orders/icon.svg", "/api/schema/"):
        with urlopen(running_engine.url + address, timeout=30) as answer:
            assert answer.headers["Server"] is None
            assert answer.headers["X-Powered-By"] is None
