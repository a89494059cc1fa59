"""What tests ask of Raydium CPMM, and the tokens of its pools."""

from __future__ import annotations

import pytest

from dex.errors import QuoteRefused
from dex.venues.raydium import (
    RaydiumCpmm,
)

from .builders import Token, TransferFees, key, snapshot

VENUE = RaydiumCpmm()
TOKEN_0, TOKEN_1 = key("token 0"), key("token 1")
USER = key("user")


def tokens(fee0=None, fee1=None):
    return (
        Token(TOKEN_0, TransferFees(*fee0) if fee0 else None),
        Token(TOKEN_1, TransferFees(*fee1) if fee1 else None),
    )


def refusal(pool, *, mint_in=TOKEN_0, amount=1_000, **kwargs):
    with pytest.raises(QuoteRefused) as refused:
        VENUE.quote(pool.address, snapshot(pool.accounts(), **kwargs), mint_in, amount)
    return refused.value.code
