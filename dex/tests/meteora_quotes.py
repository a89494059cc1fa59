"""What tests ask of Meteora DLMM, and the tokens of its pairs."""

from __future__ import annotations

import pytest

from dex.errors import QuoteRefused
from dex.venues.meteora import MeteoraDlmm

from .builders import key, snapshot

VENUE = MeteoraDlmm()
X, Y = key("token x"), key("token y")


def quote(pair, mint_in, amount, **kwargs):
    return VENUE.quote(
        pair.address, snapshot(pair.accounts(), **kwargs), mint_in, amount
    )


def refusal(pair, mint_in=X, amount=1_000, **kwargs):
    with pytest.raises(QuoteRefused) as refused:
        quote(pair, mint_in, amount, **kwargs)
    return refused.value.code
