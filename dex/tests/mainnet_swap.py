"""One swap that the DLMM program of mainnet executed, byte for byte.

Pair v4D5b4kn… at slot 447,884,621, run in a VM on the accounts of that slot: 10,000 of a
token with 0.5 % transfer fee bought 6,065 of another, out of the active bin and the next.
"""

from __future__ import annotations

from dataclasses import replace

from solders.pubkey import Pubkey

from .builders import Token, TransferFees, key, snapshot
from .builders_dlmm import BinAmounts, DlmmPair

ADDRESS = Pubkey.from_string("v4D5b4knJ83WzErtDiugxChUZUfWxe2FtDLguarvgFc")
TRADER = Pubkey.from_string("BQbqzVpDkhFoCyV3YQR2LLJNpsVFzg9UhmASd9dLYsAz")
AMOUNT_IN, AMOUNT_OUT = 10_000, 6_065
BEFORE = {
    -62: BinAmounts(
        x=0x1C1555,
        y=0x1566,
        price=0x9C33BF54655CD5DF,
        liquidity=0x11372B_B0EF077F265DD4CD,
    ),
    -63: BinAmounts(
        y=0xFC8C5, price=0x9AF66261F2C7C7FB, liquidity=0xFC847_599067F8BD03D262
    ),
}
PAIR = DlmmPair(
    BEFORE,
    active_id=-62,
    bin_step=80,
    base_factor=125,
    filter_period=300,
    decay_period=1_200,
    reduction_factor=5_000,
    variable_fee_control=7_500,
    max_volatility_accumulator=150_000,
    protocol_share=1_000,
    function_type=0,
    collect_fee_mode=0,
    volatility_accumulator=10_000,
    volatility_reference=10_000,
    index_reference=-62,
    last_update=0x6AAC3A3B,
    pair_type=3,
    reserves=(682_216_229, 7_116_488),
    tokens=(Token(key("token x"), TransferFees(50)), Token(key("token y"))),
)
AT = snapshot(PAIR.accounts(), unix_timestamp=0x6AAC4BB8, epoch=1_036)

# Afterwards; no other field of the pair and its bin arrays changed.
PAIR_AFTER = replace(
    PAIR, active_id=-63, volatility_reference=0, last_update=0x6AAC4BB8
)
BINS_AFTER = {-62: (0x1C3867, 0), -63: (0x3CA, 0xFC67A)}
FEES_X_GAINED = {
    -62: 0x8E115905FFA13493 - 0x8E114A27324EEBC8,
    -63: 0x95C92A8341CD61E8 - 0x95C91A4AC40FF8F2,
}

_ADDRESSES = (
    "0d976914b75720b7e43f79816fe89e7da1748ec89f05b9f1ed101c865ed18d43"
    "9aa0a07ae5d5ecc57c0ea8c0a626f7d586ee8e5465149a384ff27d3d2cc0cfd3"
)
# The data of both events, without the tag of Anchor.
SWAP = (
    f"516ce3becdd00ac4{_ADDRESSES}c2ffffffc1ffffff1027000000000000b117000000000000"
    "0102000000000000000000000000000000204202000000000000000000000000000000000000000000"
)
SWAP2 = (
    f"2e7452d7941b544d{_ADDRESSES}c2ffffffc1ffffff012042020000000000000000000000000010270000"
    "000000000000000000000000b117000000000000020000000000000000000000000000000000000000000000"
    "00000000000000000101"
)
