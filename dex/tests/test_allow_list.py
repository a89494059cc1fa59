"""The allow-list of a localnet, as it is filled at each start."""

from __future__ import annotations

from typing import Any

import pytest

from dex.allow_list import allow_genesis
from dex.models import Pool, Token

from .guard_records import changes
from .test_admin import POOL, RAY, USDC

pytestmark = pytest.mark.django_db

TOKEN = {"name": "", "decimals": 6, "tokenProgram": "p"}
GENESIS: dict[str, Any] = {
    "tokens": [
        TOKEN | {"mint": RAY, "symbol": "RAY"},
        TOKEN | {"mint": USDC, "symbol": "USDC"},
    ],
    "pools": [
        {"address": POOL, "venue": "raydium", "tokenA": RAY, "tokenB": USDC, "note": ""}
    ],
}
WHY = "Localnet has it from its beginning, or from LOCALNET_FORK."


def test_what_a_localnet_brings_is_recorded_with_who_and_why():
    assert allow_genesis(GENESIS) == (2, 1)

    assert changes() == [
        ("engine", "allowed_tokens", RAY, "none", "allowed", WHY),
        ("engine", "allowed_tokens", USDC, "none", "allowed", WHY),
        ("engine", "allowed_pools", POOL, "none", "allowed", WHY),
    ]


def test_a_start_brings_back_what_was_deleted_and_records_that_alone():
    allow_genesis(GENESIS)
    Pool.objects.all().delete()
    Token.objects.filter(mint=RAY).update(enabled=False)

    assert allow_genesis(GENESIS) == (0, 1)

    assert changes()[3:] == [("engine", "allowed_pools", POOL, "none", "allowed", WHY)]
    assert not Token.objects.get(mint=RAY).enabled
