"""Quotes that cannot be given: no RPC, or a bad question."""

from __future__ import annotations

import pytest

from dex import desk

from .clients import PAIR, order_text, post
from .helpers import (
    make_address,
    make_pool,
    make_token,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_rpc(settings):
    """Have the quote desk ask an endpoint where nobody listens."""
    settings.SOLANA_RPC_URLS = ["http://127.0.0.1:1"]
    desk._desk.close()
    yield
    desk._desk.close()


@pytest.mark.usefixtures("no_rpc")
def test_without_rpc_there_are_no_quotes_but_orders_are_accepted(client):
    make_pool("raydium", address=make_address())
    quotes = client.post("/api/quotes", PAIR, content_type="application/json")

    assert (quotes.status_code, quotes.json()["code"]) == (503, "rpc_unavailable")
    assert quotes["Retry-After"] == "2"
    assert post(order_text()).status_code == 201


def test_a_bad_question_for_quotes_is_refused_like_a_bad_order():
    make_token("A")
    make_token("B")

    problem = post(order_text(), "/api/quotes").json()

    assert sorted((error["field"], error["code"]) for error in problem["errors"]) == [
        ("slippage", "unknown_field"),
        ("type", "unknown_field"),
    ]
