"""Pools copied from dumps: what is swapped in them, and what a dump may leave out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.localnet.fork.load import Fork, load_fork
from dex.localnet.fork.report import report
from dex.localnet.market import VENUES, read_snapshot
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.testing import land
from dex.solana.addresses import (
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)

from .builders import Token, key
from .dumps import CPMM, TOKENS, cli_text, pair, pool_file

WALLET = Keypair.from_seed(bytes([9]) * 32)
DATA = Path(__file__).parents[3] / "shared" / "data"


def lines(fork: Fork, folder: Path) -> list[str]:
    network = Network.open(folder, fork=fork)
    try:
        return list(report(fork, network.ledger))
    finally:
        network.ledger.close()


def swap_both_ways(fork: Fork, folder: Path, *, slot: int = 0) -> list[str]:
    """Swap in every forked pool, expect the quote; return the venues of the swaps."""
    network = Network.open(folder, fork=fork, fund=[WALLET.pubkey()])
    network.advance(slot, 0.0)
    ledger, swapped = network.ledger, []
    programs = {token.mint: token.token_program for token in fork.tokens}

    def held(mint: Pubkey) -> int:
        program = programs.get(mint, TOKEN_PROGRAM)
        address = associated_token_address(WALLET.pubkey(), mint, program)
        account = ledger.account(address)
        assert account is not None
        return layout.amount_of(account.data)

    for pool in fork.pools:
        venue = VENUES[pool.venue]
        for mint in pool.held:
            snapshot = read_snapshot(ledger, venue, pool.address)
            amount = pool.held[mint] // 10_000
            quote = venue.quote(pool.address, snapshot, mint, amount)
            paid_before, got_before = held(quote.mint_in), held(quote.mint_out)
            instruction = venue.swap_instruction(
                quote, snapshot, user=WALLET.pubkey(), min_amount_out=quote.amount_out
            )

            record = land(ledger, WALLET, instruction)

            assert record is not None
            assert record.error is None, record
            paid = paid_before - held(quote.mint_in)
            got = held(quote.mint_out) - got_before
            assert (paid, got) == (amount, quote.amount_out)
            swapped.append(pool.venue)
    ledger.close()
    return swapped


@pytest.mark.skipif(not DATA.exists(), reason="the dumps lie outside this repository")
def test_every_real_pool_pays_what_it_quotes(tmp_path):
    files = ("raydium_cpmm_wsol_pump.json", "meteora_dlmm_pools.json")
    fork = load_fork([DATA / name for name in files])
    # One of the pairs opened at a slot that a new ledger has not reached.
    swapped = swap_both_ways(fork, tmp_path, slot=448_432_755)
    assert swapped == ["raydium"] * 2 + ["meteora"] * 4


def test_a_forked_pool_of_each_venue_pays_what_it_quotes(tmp_path):
    files = [
        pool_file(tmp_path / "cpmm.json", CPMM.accounts()),
        pool_file(tmp_path / "dlmm.json", pair(reserves=(10**12, 10**12)).accounts()),
    ]
    fork = load_fork(files)
    assert swap_both_ways(fork, tmp_path) == ["raydium"] * 2 + ["meteora"] * 2


def test_accounts_as_the_command_line_tool_prints_them_are_read(tmp_path):
    accounts = {a: account for a, account in CPMM.accounts().items() if account}
    printed = [cli_text(address, account) for address, account in accounts.items()]
    concatenated, listed = tmp_path / "all.json", tmp_path / "list.json"
    concatenated.write_text("\n".join(printed))
    listed.write_text(json.dumps([json.loads(text) for text in printed]))

    fork = load_fork([concatenated])

    assert load_fork([listed]) == fork
    assert load_fork([concatenated, listed]) == fork
    assert [pool.address for pool in fork.pools] == [CPMM.address]
    assert dict(fork.accounts).items() >= accounts.items() - {
        # its supply counts what the pool holds
        (token.address, token.account())
        for token in TOKENS
    }


def test_what_a_dump_leaves_out_is_made_and_named(tmp_path):
    plain, fancy = Token(key("token 0")), Token(key("token 1"), extensions=[(18, b"")])
    pool = type(CPMM)(vaults=(0, 0), tokens=(plain, fancy))
    vaults = {key("vault 0"): 10**12 + 1, key("vault 1"): 3 * 10**12}
    path = pool_file(
        tmp_path / "dump.json",
        pool.accounts(),
        without=(*vaults, plain.address, fancy.address),
        vault_amounts=vaults,
    )

    fork = load_fork([path])

    symbols = [token.symbol for token in fork.tokens]
    copied, *made = lines(fork, tmp_path / "named")
    assert copied == f"raydium pool {pool.address}: copied"
    assert [line.removeprefix("made, as no dump held it: ") for line in made] == [
        f"the mint {plain.address} (9 decimals)",
        f"the vault {key('vault 0')} (holding 1000.000000001 {symbols[0]})",
        f"the mint {fancy.address} (9 decimals, without extensions)",
        f"the vault {key('vault 1')} (holding 3000 {symbols[1]})",
        f"the observation account {key('observation')}",
    ]
    assert lines(fork, tmp_path / "named") == [
        f"raydium pool {pool.address}: was copied before; its state here goes on"
    ]
    assert [token.token_program for token in fork.tokens] == [
        TOKEN_PROGRAM,
        TOKEN_2022_PROGRAM,
    ]
    assert swap_both_ways(fork, tmp_path) == ["raydium", "raydium"]


def test_bin_arrays_that_no_dump_holds_count_as_empty(tmp_path):
    made = pair(reserves=(10**12, 10**12))
    absent = (made.array_address(-2), made.array_address(1))
    path = pool_file(tmp_path / "dump.json", made.accounts(), without=absent)

    fork = load_fork([path])

    assert (
        "made, as no dump held it: nothing for the bin arrays -2, 1 of "
        f"{made.address}: they count as empty"
    ) in lines(fork, tmp_path / "named")
    assert swap_both_ways(fork, tmp_path) == ["meteora", "meteora"]


def test_the_bitmap_extension_forgets_absent_bin_arrays_too(tmp_path):
    # The arrays -600, -514, 512 and 600: all of them in the extension.
    far = (-600 * 70, -514 * 70, 512 * 70, 600 * 70)
    made = pair(*far, reserves=(10**12, 10**12), has_extension=True)
    absent = (made.array_address(-514), made.array_address(600))
    path = pool_file(tmp_path / "dump.json", made.accounts(), without=absent)

    fork = load_fork([path])

    extension = dict(fork.accounts)[made.extension_address()].data
    assert int.from_bytes(extension[40:808], "little") == 1 << (512 - 512)
    assert int.from_bytes(extension[808:1576], "little") == 1 << (600 - 513)
    assert fork.pools[0].state == made.pair_data()  # its own bitmap is whole
    assert swap_both_ways(fork, tmp_path) == ["meteora", "meteora"]


def test_forked_tokens_are_listed_funded_and_have_symbols_of_their_own(tmp_path):
    metadata = bytes(32) + bytes(key("token x")) + text("Real coin") + text("USDC")
    tokens = (
        Token(key("token x"), extensions=[(19, metadata + text(""))]),
        Token(key("token y")),
    )
    made = pair(tokens=tokens, reserves=(10**12, 10**13))

    fork = load_fork([pool_file(tmp_path / "dump.json", made.accounts())])

    short_x, short_y = (
        f"{text[:4]}-{text[-4:]}"
        for text in (str(token.address) for token in made.tokens)
    )
    assert [(token.symbol, token.name, token.funding) for token in fork.tokens] == [
        (f"USDC.{short_x}", "Real coin", 10**11),
        (short_y, "", 10**12),
    ]


def text(value: str) -> bytes:
    return len(value).to_bytes(4, "little") + value.encode()


def test_a_pool_that_cannot_trade_yet_is_named_when_it_is_loaded(tmp_path):
    closed = type(CPMM)(vaults=(10**9, 10**9), open_time=2**40)
    fork = load_fork([pool_file(tmp_path / "dump.json", closed.accounts())])
    first, second = lines(fork, tmp_path)[:2]
    assert first == f"raydium pool {CPMM.address}: copied"
    assert second.startswith(
        f"raydium pool {CPMM.address}: no swaps now: The pool opens at unix time "
        f"{2**40}. Localnet is at slot 10000 and unix time "
    )


def test_a_ledger_keeps_its_own_state_of_a_pool_and_says_so(tmp_path):
    path = pool_file(tmp_path / "dump.json", CPMM.accounts())
    fork = load_fork([path])
    first = lines(fork, tmp_path)[0]
    swap_both_ways(fork, tmp_path)
    again = lines(fork, tmp_path)[0]
    fuller = type(CPMM)(vaults=(10**15, 3 * 10**15), tokens=TOKENS)
    pool_file(path, fuller.accounts())
    third = lines(load_fork([path]), tmp_path)[0]

    assert [line.partition(": ")[2] for line in (first, again, third)] == [
        "copied",
        "was copied before; its state here goes on",
        "was copied before from another dump, whose state here goes on; to begin with "
        "this one, start a new ledger with --ledger",
    ]


def test_a_pool_that_was_switched_off_stays_off(tmp_path):
    fork = load_fork(
        [
            pool_file(
                tmp_path / "dump.json",
                type(CPMM)(vaults=(10**9, 10**9), status=4).accounts(),
            )
        ]
    )
    assert lines(fork, tmp_path)[1].endswith("Swaps are switched off in this pool.")


def test_an_existing_ledger_gains_the_pools_of_a_dump(tmp_path):
    Network.open(tmp_path / "ledger").ledger.close()
    fork = load_fork([pool_file(tmp_path / "dump.json", CPMM.accounts())])
    assert swap_both_ways(fork, tmp_path / "ledger") == ["raydium", "raydium"]
