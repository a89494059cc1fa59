"""What fails inside tells its client nothing but the request id, with DEBUG too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dex import log_context
from orders.tests.clients import open_socket, order_text
from orders.tests.helpers import make_owner, make_token
from orders.threads import in_thread

by_socket = pytest.mark.django_db(transaction=True)
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("debug", [False, True], ids=["DEBUG=0", "DEBUG=1"]),
]

FAILED = {
    "type": "about:blank",
    "title": "Internal Server Error",
    "status": 500,
    "detail": "The server failed. Quote the request id when you report it.",
    "code": "internal_error",
}


def make_what_orders_need() -> None:
    make_owner()
    make_token("A")
    make_token("B")


def answer(address: str) -> Any:
    return Client(raise_request_exception=False).get(address)


@pytest.mark.parametrize("view", ["broken", "broken-view", "unwritable"])
def test_a_view_that_fails_is_a_problem_and_nothing_more(
    settings: Settings, caplog: pytest.LogCaptureFixture, debug: bool, view: str
):
    settings.DEBUG = debug
    settings.ROOT_URLCONF = "ordersite.tests.odd_views"

    response = answer(f"/api/odd/{view}")

    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        **FAILED,
        "instance": f"/api/odd/{view}",
        "requestId": response.headers["X-Request-ID"],
    }
    assert "RuntimeError: on purpose" in caplog.text


def test_a_message_that_fails_is_a_problem_and_nothing_more_by_rest(
    settings: Settings, debug: bool
):
    settings.DEBUG = debug
    settings.MAX_SLIPPAGE_BPS = "not a number"  # breaks the code that reads an order
    make_what_orders_need()

    response = Client(raise_request_exception=False).post(
        "/api/orders/execute", order_text(), content_type="application/json"
    )

    assert response.json() == {
        **FAILED,
        "instance": "/api/orders/execute",
        "requestId": response.headers["X-Request-ID"],
    }


@by_socket
async def test_a_message_that_fails_is_a_problem_and_nothing_more_by_socket(
    settings: Settings, debug: bool, caplog: pytest.LogCaptureFixture
):
    settings.DEBUG = debug
    settings.MAX_SLIPPAGE_BPS = "not a number"
    await in_thread(make_what_orders_need)

    async with open_socket("", [(b"x-request-id", b"mine")]) as socket:
        await socket.send(order_text())
        frame = await socket.frame()

    of_socket = {"instance": "/api/orders/execute", "requestId": "mine.1"}
    assert frame == {**FAILED, **of_socket}
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.__dict__["request_id"] == "mine.1"
    assert await in_thread(log_context.request_id) == ""


@pytest.mark.parametrize(
    ("address", "headers", "status", "code"),
    [
        ("/api/nowhere", {}, 404, "not_found"),
        ("/api/tokens", {"host": "evil.example"}, 400, "foreign_host"),
    ],
)
def test_what_django_itself_refuses_is_a_problem_too(
    settings: Settings,
    debug: bool,
    address: str,
    headers: dict[str, str],
    status: int,
    code: str,
):
    settings.DEBUG = debug

    response = Client(raise_request_exception=False).get(address, headers=headers)

    assert (response.status_code, json.loads(response.content)["code"]) == (
        status,
        code,
    )
    assert "urlpatterns" not in response.content.decode()
    assert "ALLOWED_HOSTS:" not in response.content.decode()
