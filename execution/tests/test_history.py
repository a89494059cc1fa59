from __future__ import annotations

import pytest

from dex.models import Token
from dex.types import Fill
from execution import history
from orders.models import Order
from orders.quotes import price
from orders.tests.helpers import make_opening

SOL = Token(
    symbol="SOL", mint="So11111111111111111111111111111111111111112", decimals=9
)
USDC = Token(symbol="USDC", mint="usdc", decimals=6)


@pytest.mark.parametrize(
    ("amount_in", "token_in", "amount_out", "token_out", "expected"),
    [
        (1_000_000_000, SOL, 150_250_000, USDC, "150.25"),
        (150_250_000, USDC, 1_000_000_000, SOL, "0.00665557404326123128"),
        (1, SOL, 1, USDC, "1000"),
        (2**64 - 1, USDC, 1, SOL, "0.0000000000000000000000542101086242752217"),
    ],
)
def test_the_price_is_whole_tokens_out_per_whole_token_in(
    amount_in, token_in, amount_out, token_out, expected
):
    assert price(amount_in, token_in, amount_out, token_out) == expected


@pytest.mark.parametrize(
    ("filled", "slippage_bps"), [(1_000_000, 0), (990_000, 100), (1_010_000, -100)]
)
def test_slippage_is_positive_when_less_than_quoted_was_paid(filled, slippage_bps):
    order = Order(token_in=SOL, token_out=USDC)
    attempt = make_opening(quoted_amount_out=1_000_000)
    fill = Fill("sig", 7, 2_000_000_000, filled, 5_000, 60_000)

    shown = history.filled(order, attempt, fill)

    assert shown["slippageBps"] == slippage_bps
    assert shown["amountIn"] == "2"
    assert shown["fees"] == {"networkLamports": "5000"}


def test_a_fill_that_moved_nothing_is_shown_all_the_same():
    order = Order(token_in=SOL, token_out=USDC)
    attempt = make_opening(quoted_amount_out=1_000_000)

    shown = history.filled(order, attempt, Fill("sig", 7, 0, 0, 5_000, 60_000))

    assert (shown["amountIn"], shown["amountOut"], shown["price"]) == ("0", "0", "0")
    assert shown["slippageBps"] == 10_000
