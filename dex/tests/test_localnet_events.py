"""The events that localnet's swap programs log, against recorded ones."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from dex.localnet.programs.meteora_events import encode_swap, encode_swap2
from dex.venues import meteora
from dex.venues.raydium import RaydiumCpmm

from . import mainnet_swap
from .builders import CpmmPool, Token, TransferFees, key, snapshot
from .builders_dlmm import BinAmounts, DlmmPair
from .meteora_quotes import VENUE, X
from .swap_runs import USER, SwapRun, run_swap

EVENTS = Path(settings.BASE_DIR).parent / "shared/data/cpmm_swap_events.json"
RAYDIUM = RaydiumCpmm()
DLMM, CPMM = VENUE.program_id, RAYDIUM.program_id
TOKEN_0, TOKEN_1 = key("token 0"), key("token 1")
EVENT_AUTHORITY = Pubkey.from_string("D1ZN9Wj1fRSUQfCjhvnu1hqDMT7hzjzBBpi12nVniYD6")


def test_dlmm_events_are_those_the_program_emitted():
    pair, user = mainnet_swap.ADDRESS, mainnet_swap.TRADER
    swap = meteora.swap_exact_in(
        mainnet_swap.PAIR.address, mainnet_swap.AT, X, mainnet_swap.AMOUNT_IN
    )
    assert encode_swap(pair, user, swap).hex() == mainnet_swap.SWAP
    assert encode_swap2(pair, user, swap).hex() == mainnet_swap.SWAP2


def test_dlmm_calls_itself_with_an_event_before_and_after_the_transfers():
    pair = DlmmPair({0: BinAmounts(y=10**6)}, base_factor=10_000)
    at = snapshot(pair.accounts())
    quote = VENUE.quote(pair.address, at, X, 1_000)
    swap = VENUE.swap_instruction(quote, at, user=USER.pubkey(), min_amount_out=1)

    run = run_swap(swap, at, quote)

    swapped = meteora.swap_exact_in(pair.address, at, X, 1_000)
    first, _, _, last = run.outcome.inner[0]
    tag = "e445a52e51cb9a1d"
    user = USER.pubkey()
    assert first["data"].hex() == tag + encode_swap(pair.address, user, swapped).hex()
    assert last["data"].hex() == tag + encode_swap2(pair.address, user, swapped).hex()
    assert first["stackHeight"] == 2
    lines = [line for line in run.outcome.logs if " consumed " not in line]
    token, event = quote.token_program_in, (f"Program {DLMM} invoke [2]",)
    transfer = (f"Program {token} invoke [2]", f"Program {token} success")
    assert lines == [
        f"Program {DLMM} invoke [1]",
        "Program log: Instruction: Swap2",
        *event,
        f"Program {DLMM} success",
        *transfer,
        *transfer,
        *event,
        f"Program {DLMM} success",
        f"Program {DLMM} success",
    ]


def test_nobody_else_can_make_dlmm_take_an_event():
    pair = DlmmPair({0: BinAmounts(y=10**6)})
    at = snapshot(pair.accounts())
    quote = VENUE.quote(pair.address, at, X, 1_000)
    forged = Instruction(
        DLMM,
        bytes.fromhex("e445a52e51cb9a1d516ce3becdd00ac4"),
        [AccountMeta(EVENT_AUTHORITY, False, False)],
    )
    assert run_swap(forged, at, quote).outcome.error == {
        "InstructionError": [0, {"Custom": 3010}]
    }


@pytest.mark.skipif(not EVENTS.exists(), reason="the recorded events are not here")
def test_cpmm_events_are_those_recorded_on_mainnet():
    events = json.loads(EVENTS.read_text())["events"]
    assert len(events) == 8
    for event in events:
        for rates in event["matches_trade_creator_rate"]:
            check_event(event, *rates)


def check_event(event, trade, creator):
    """Swap on a pool with the reserves of a recorded event and compare all its fields."""
    on_input = event.get("creator_fee_on_input", True)
    sent = event["input_amount"] + event["input_transfer_fee"]
    withheld = event["output_transfer_fee"]
    pool = CpmmPool(
        (event["input_vault_before"], event["output_vault_before"]),
        trade_fee_rate=trade,
        creator_fee_rate=creator,
        creator_fee_enabled=creator > 0,
        creator_fee_on=0 if on_input else 2,
        tokens=(
            token_with(TOKEN_0, event["input_transfer_fee"], sent),
            token_with(TOKEN_1, withheld, event["output_amount"]),
        ),
    )
    at = snapshot(pool.accounts())
    quote = RAYDIUM.quote(pool.address, at, TOKEN_0, sent)
    build = {"user": USER.pubkey()}
    if event["base_input"]:
        swap = RAYDIUM.swap_instruction(quote, at, **build, min_amount_out=1)
    else:
        wanted = replace(quote, amount_out=event["output_amount"] - withheld)
        swap = RAYDIUM.swap_exact_out_instruction(
            wanted, at, **build, max_amount_in=2**62
        )
    fields = cpmm_event(run_swap(swap, at, quote))
    assert fields[0] == bytes(pool.address)
    assert fields[1:8] == (
        event["input_vault_before"],
        event["output_vault_before"],
        event["input_amount"],
        event["output_amount"],
        event["input_transfer_fee"],
        event["output_transfer_fee"],
        event["base_input"],
    )
    assert fields[8:10] == (bytes(TOKEN_0), bytes(TOKEN_1))
    if "trade_fee" in event:
        assert fields[10:12] == (event["trade_fee"], event["creator_fee"])
        assert fields[12] == event["creator_fee_on_input"]


def token_with(address: Pubkey, fee: int, sent: int) -> Token:
    """Return a token with the transfer fee that withholds `fee` of `sent`."""
    return Token(address, TransferFees(10_000 * fee // sent) if fee else None)


def cpmm_event(run: SwapRun):
    """Read the SwapEvent of a run; it comes before the transfers."""
    logs = run.outcome.logs
    (at,) = (i for i, line in enumerate(logs) if line.startswith("Program data: "))
    assert "invoke [2]" in logs[at + 1]
    data = base64.b64decode(logs[at].removeprefix("Program data: "))
    assert data[:8].hex() == "40c6cde8260871e2"
    return struct.unpack("<32s6Q?32s32sQQ?", data[8:])


def cpmm_swap(pool: CpmmPool, amount: int, *, min_amount_out: int = 1):
    at = snapshot(pool.accounts())
    quote = replace(RAYDIUM.quote(pool.address, at, TOKEN_0, 1_000), amount_in=amount)
    swap = RAYDIUM.swap_instruction(
        quote, at, user=USER.pubkey(), min_amount_out=min_amount_out
    )
    return at, quote, swap


@pytest.mark.parametrize("on", [0, 1, 2])
def test_cpmm_events_say_what_the_creator_takes_of_which_token(on):
    pool = CpmmPool(
        (10**9, 10**9),
        creator_fee_rate=1_000,
        creator_fee_enabled=True,
        creator_fee_on=on,
    )
    at, quote, swap = cpmm_swap(pool, 10**6)
    fields = cpmm_event(run_swap(swap, at, quote))
    # 0.25 % and 0.1 % of the input; or 0.1 % of what the curve pays for the rest.
    expected = (2_500, 997, False) if on == 2 else (2_500, 1_000, True)
    assert fields[10:] == expected
