from __future__ import annotations

from dataclasses import replace

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey

from dex.errors import QuoteRefused
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from dex.solana.transactions import compose_swap
from dex.types import Account, Clock, Quote, Snapshot

from .builders import key
from .paper_venue import MINT_IN, MINT_OUT, PaperVenue, page

VENUE = PaperVenue("paper")
WALLET = key("wallet")
BLOCKHASH = Hash.from_bytes(bytes(WALLET))
ACCOUNT_OUT = associated_token_address(WALLET, MINT_OUT)
EXISTING = Account(TOKEN_PROGRAM, 2_039_280, bytes(165))


def snapshot_with(*existing: Pubkey) -> Snapshot:
    accounts: dict[Pubkey, Account | None] = {ACCOUNT_OUT: None}
    accounts[key("pool")] = Account(VENUE.program_id, 1, page(100))
    accounts |= dict.fromkeys(existing, EXISTING)
    return Snapshot(5, Clock(5, 0, 0), accounts)


def quote() -> Quote:
    return VENUE.quote(key("pool"), snapshot_with(), MINT_IN, 1_000)


def compose(
    snapshot: Snapshot, made: Quote | None = None, unit_price: int = 0
) -> MessageV0:
    return compose_swap(
        VENUE,
        made or quote(),
        snapshot,
        wallet=WALLET,
        memo="c0ffee:2",
        min_amount_out=99,
        blockhash=str(BLOCKHASH),
        unit_limit=200_000,
        unit_price=unit_price,
    )


def programs(message: MessageV0) -> list[Pubkey]:
    keys = message.account_keys
    return [keys[instruction.program_id_index] for instruction in message.instructions]


def accounts_of(message: MessageV0, index: int) -> list[Pubkey]:
    keys = message.account_keys
    return [keys[position] for position in message.instructions[index].accounts]


def test_the_wallet_pays_and_is_the_only_signer():
    message = compose(snapshot_with(ACCOUNT_OUT))

    assert message.account_keys[0] == WALLET
    assert message.header.num_required_signatures == 1
    assert message.recent_blockhash == BLOCKHASH
    assert message.address_table_lookups == []


def test_limit_price_memo_and_swap_stand_in_this_order():
    message = compose(snapshot_with(ACCOUNT_OUT), unit_price=7)

    assert programs(message) == [
        COMPUTE_BUDGET_PROGRAM,
        COMPUTE_BUDGET_PROGRAM,
        MEMO_PROGRAM,
        VENUE.program_id,
    ]
    limit, price, memo, swap = message.instructions
    assert bytes(limit.data) == bytes(set_compute_unit_limit(200_000).data)
    assert bytes(price.data) == bytes(set_compute_unit_price(7).data)
    assert bytes(memo.data) == b"c0ffee:2"
    assert bytes(memo.accounts) == b""
    assert bytes(swap.data) == (99).to_bytes(8, "little")


def test_without_a_price_nothing_is_asked_of_the_market_for_fees():
    message = compose(snapshot_with(ACCOUNT_OUT))

    assert programs(message).count(COMPUTE_BUDGET_PROGRAM) == 1


def test_a_missing_output_account_is_created_idempotently():
    message = compose(snapshot_with())

    assert programs(message)[1] == ASSOCIATED_TOKEN_PROGRAM
    assert bytes(message.instructions[1].data) == b"\x01"
    assert accounts_of(message, 1) == [
        WALLET,
        ACCOUNT_OUT,
        WALLET,
        MINT_OUT,
        SYSTEM_PROGRAM,
        TOKEN_PROGRAM,
    ]


def test_an_output_account_nobody_looked_at_is_created_too():
    unseen = Snapshot(5, Clock(5, 0, 0), {})

    assert ASSOCIATED_TOKEN_PROGRAM in programs(compose(unseen))


def test_a_token_2022_output_account_is_found_under_its_own_program():
    made = replace(quote(), token_program_out=TOKEN_2022_PROGRAM)
    account_out = associated_token_address(WALLET, MINT_OUT, TOKEN_2022_PROGRAM)

    assert account_out != ACCOUNT_OUT
    assert account_out in accounts_of(compose(snapshot_with(), made), 1)
    exists = compose(snapshot_with(account_out), made)
    assert ASSOCIATED_TOKEN_PROGRAM not in programs(exists)


def test_another_memo_makes_another_message():
    first = compose(snapshot_with())
    second = compose_swap(
        VENUE,
        quote(),
        snapshot_with(),
        wallet=WALLET,
        memo="c0ffee:3",
        min_amount_out=99,
        blockhash=str(BLOCKHASH),
        unit_limit=200_000,
        unit_price=0,
    )

    assert bytes(first) != bytes(second)


def test_a_route_of_more_accounts_than_fit_is_refused():
    def through(arrays: int) -> Quote:
        accounts = tuple(key(f"array {n}") for n in range(arrays))
        return replace(quote(), route_accounts=accounts)

    compose(snapshot_with(ACCOUNT_OUT), through(25))
    with pytest.raises(QuoteRefused) as caught:
        compose(snapshot_with(ACCOUNT_OUT), through(35))

    assert caught.value.code == "transaction_too_large"
