"""Accounts of about a bin array's size are decoded once while their text stays the same."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.solana.addresses import TOKEN_PROGRAM
from dex.solana.decoding import decode_account
from dex.types import Account

from .builders import key


def entry(text: str, owner: Pubkey = TOKEN_PROGRAM) -> dict[str, Any]:
    return {"data": [text, "base64"], "owner": str(owner), "lamports": 7}


def test_accounts_of_any_size_are_decoded_from_their_own_text():
    rng = random.Random(3)
    for size in (0, 165, 3_071, 3_072, 10_136, 12_287, 12_288, 40_000):
        wholes = [rng.randbytes(size) for _ in range(3)]
        for data in wholes * 2:
            owner = key(f"owner {rng.randrange(2)}")
            text = base64.b64encode(data).decode()
            assert decode_account(entry(text, owner)) == Account(owner, 7, data)


@pytest.mark.parametrize("text", ["A" * 8_001, "?" + "A" * 8_003, ["A"] * 8_000, 8_000])
def test_an_unreadable_account_of_any_size_is_refused_each_time(text):
    for _ in range(2):
        with pytest.raises(RpcUnavailable):
            decode_account(entry(text))


def test_a_very_large_account_is_not_kept():
    text = base64.b64encode(bytes(40_000)).decode()
    first, second = (decode_account(entry(text)) for _ in range(2))

    assert first is not None
    assert second is not None
    assert first.data is not second.data


def test_the_bytes_of_a_bin_array_are_shared_and_few_are_kept():
    text = base64.b64encode(bytes(10_136)).decode()
    first, second = (decode_account(entry(text)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.data is second.data

    for number in range(300):
        decode_account(entry(base64.b64encode(number.to_bytes(10_136)).decode()))
    again = decode_account(entry(text))
    assert again is not None
    assert again.data == first.data
    assert again.data is not first.data
