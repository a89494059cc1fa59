"""The pools, vaults and mints of the genesis, on the real programs."""

from __future__ import annotations

import random
import struct
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from solders.instruction import Instruction

from dex.localnet import genesis
from dex.localnet.fork.load import Fork
from dex.localnet.funding import fund
from dex.localnet.ledger import Ledger
from dex.localnet.market import VENUES, Market, read_snapshot, sign_transaction
from dex.localnet.opening import open_ledger
from dex.localnet.programs import token_layout as layout
from dex.localnet.real_programs import RealPrograms
from dex.localnet.runtime import execute, load
from dex.solana.addresses import (
    TOKEN_PROGRAM,
    associated_token_address,
)

from .differential.world import readonly, signer, writable
from .dumped_programs import dump, written

# Where a pool names its observation account or its oracle, which no quote reads.
UNREAD = {"raydium": slice(296, 328), "meteora": slice(552, 584)}


@pytest.mark.skipif(
    not settings.LOCALNET_PROGRAMS, reason="LOCALNET_PROGRAMS names no folder"
)
def test_genesis_pools_swap_on_the_venues_own_programs(tmp_path):
    real = RealPrograms.load(Path(settings.LOCALNET_PROGRAMS))
    with closing(open_ledger(tmp_path, genesis=genesis.accounts)) as ledger:
        swap_in_both(ledger, real)


def swap_in_both(ledger: Ledger, real: RealPrograms) -> None:
    """Swap in every pool by both programs, and find the same accounts behind."""
    rng, wallet = random.Random(1), Market(ledger, 0).wallet
    fund(ledger, Fork(), wallet.pubkey())
    for step in range(200):
        pool = rng.choice(genesis.pools())
        venue = VENUES[pool.venue]
        token, depth = rng.choice(
            [(pool.base, pool.base_depth), (pool.quote, pool.quote_depth)]
        )
        snapshot = read_snapshot(ledger, venue, pool.address)
        amount = rng.randrange(1, depth // 1_000)
        quote = venue.quote(pool.address, snapshot, token.mint, amount)
        instruction = venue.swap_instruction(
            quote, snapshot, user=wallet.pubkey(), min_amount_out=1
        )
        loaded = load(sign_transaction(ledger, wallet, [instruction], str(step)))
        clock = ledger.clock.sysvar(ledger.clock.slot())

        by_dumps = real.execute(loaded, ledger.account, clock)
        by_own = execute(loaded, ledger.account, clock)

        assert by_dumps.error is None, by_dumps.logs
        held = snapshot.accounts[pool.address]
        assert held is not None
        unread = held.data[UNREAD[pool.venue]]
        assert {
            address: account
            for address, account in written(by_dumps).items()
            if bytes(address) != unread
        } == {
            address: account
            for address, account in written(by_own).items()
            if bytes(address) != unread
        }
        assert by_dumps.fee == by_own.fee
        ledger.bank.write(clock.slot, by_own.changes)


def test_real_token_program_accepts_the_genesis_vaults_and_mints(tmp_path):
    dump(TOKEN_PROGRAM, tmp_path)
    real = RealPrograms.load(tmp_path)
    with closing(open_ledger(tmp_path / "ledger", genesis=genesis.accounts)) as ledger:
        wallet = Market(ledger, 0).wallet
        fund(ledger, Fork(), wallet.pubkey())
        clock = ledger.clock.sysvar(ledger.clock.slot())
        for pool in genesis.pools():
            for token, vault in vaults(pool):
                owned = associated_token_address(wallet.pubkey(), token.mint)
                accounts = [
                    writable(owned),
                    readonly(token.mint),
                    writable(vault),
                    signer(wallet.pubkey()),
                ]
                data = struct.pack("<BQB", 12, 1_000, token.decimals)
                transfer = Instruction(TOKEN_PROGRAM, data, accounts)
                loaded = load(sign_transaction(ledger, wallet, [transfer]))

                outcome = real.execute(loaded, ledger.account, clock)

                assert outcome.error is None, outcome.logs
                assert written(outcome) == written(
                    execute(loaded, ledger.account, clock)
                )


def vaults(pool: genesis.GenesisPool):
    """Return both tokens of a pool with the vaults that hold them."""
    held = {
        layout.mint_of(account.data): address
        for address, account in pool.accounts
        if account.owner == TOKEN_PROGRAM and layout.is_token_account(account.data)
    }
    return [(token, held[token.mint]) for token in (pool.base, pool.quote)]
