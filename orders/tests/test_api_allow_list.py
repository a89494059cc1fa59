"""The tokens and the pools that orders may use."""

from __future__ import annotations

import pytest

from .clients import get
from .helpers import (
    make_pool,
    make_token,
)

pytestmark = pytest.mark.django_db


def test_tokens_are_those_that_are_enabled(client):
    token = make_token("A")
    make_token("OFF", enabled=False)

    assert get(client, "/api/tokens").json() == {
        "tokens": [
            {
                "symbol": "A",
                "name": "Token A",
                "mint": token.mint,
                "decimals": 9,
                "tokenProgram": token.token_program,
            }
        ]
    }


def test_venues_show_the_pools_that_orders_may_use(client):
    pool = make_pool("meteora")
    make_pool("meteora", enabled=False)
    make_pool("meteora", token_a=make_token("OFF", enabled=False))

    venues = {
        venue["name"]: venue for venue in get(client, "/api/venues").json()["venues"]
    }

    assert set(venues) == {"raydium", "meteora"}
    assert venues["raydium"]["pools"] == []
    assert venues["meteora"]["pools"] == [
        {
            "address": pool.address,
            "tokenA": {"symbol": "A", "mint": pool.token_a.mint},
            "tokenB": {"symbol": "B", "mint": pool.token_b.mint},
        }
    ]
