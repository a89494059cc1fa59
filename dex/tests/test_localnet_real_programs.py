"""Localnet that runs dumped programs: those the in-process VM bundles, and venues' own."""

from __future__ import annotations

import random
import struct
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from dex.localnet import genesis
from dex.localnet.fork.load import Fork
from dex.localnet.funding import fund
from dex.localnet.ledger import Ledger
from dex.localnet.lookup import Table
from dex.localnet.market import VENUES, Market, read_snapshot, sign_transaction
from dex.localnet.opening import open_ledger
from dex.localnet.programs import is_executable
from dex.localnet.programs import token_layout as layout
from dex.localnet.real_programs import ELF, ProgramsUnusable, RealPrograms
from dex.localnet.runtime import Loaded, execute, load
from dex.localnet.testing import running_localnet
from dex.solana.addresses import (
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from dex.types import Account

from .differential import others, tokens
from .differential.world import TOKEN, USERS, World, readonly, signer, writable

# Behind this header an upgradeable program's data account holds its ELF.
PROGRAM_DATA_HEADER = 45
# Where a pool names its observation account or its oracle, which no quote reads.
UNREAD = {"raydium": slice(296, 328), "meteora": slice(552, 584)}


def dump(program: Pubkey, folder: Path) -> None:
    """Write a program that the VM bundles to a file, as an operator dumps one."""
    vm = LiteSVM()
    account = vm.get_account(program)
    assert account is not None
    data = bytes(account.data)
    if not data.startswith(ELF):
        held = vm.get_account(Pubkey(data[4:36]))
        assert held is not None
        data = bytes(held.data)[PROGRAM_DATA_HEADER:]
    (folder / f"{program}.so").write_bytes(data)


def test_dumped_programs_do_what_localnets_own_do(tmp_path):
    for program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM, MEMO_PROGRAM):
        dump(program, tmp_path)
    real = RealPrograms.load(tmp_path)
    world = World(random.Random(1))
    landed = 0
    for _ in range(150):
        made = world.rng.choice([tokens.transfers, tokens.supply, others.memos])(world)
        message = MessageV0.try_compile(
            world.rng.choice(USERS[:2]).pubkey(),
            [made],
            [],
            world.twins.vm.latest_blockhash(),
        )
        count = message.header.num_required_signatures
        transaction = VersionedTransaction.populate(
            message, [Signature.default()] * count
        )
        loaded = Loaded(transaction)

        by_dumps = real.execute(loaded, world.twins.read, world.twins.clock)
        by_own = execute(loaded, world.twins.read, world.twins.clock)

        assert by_dumps.error == by_own.error
        assert by_dumps.fee == by_own.fee
        assert by_dumps.inner == by_own.inner
        assert by_dumps.return_data == by_own.return_data
        assert written(by_dumps) == written(by_own)
        world.twins.here.update(
            {key: account for key, account in by_own.changes.items() if account}
        )
        landed += by_own.error is None
    assert landed > 50


def written(outcome):
    """Return the accounts that are not as they were."""
    return {
        address: account
        for address, account in outcome.changes.items()
        if account != outcome.before[address]
    }


def test_a_swap_beside_a_dumped_program_runs_where_the_venue_is_known(tmp_path):
    dump(MEMO_PROGRAM, tmp_path)
    real = RealPrograms.load(tmp_path)
    with closing(open_ledger(tmp_path, genesis=genesis.accounts)) as ledger:
        wallet, pool = Market(ledger, 0).wallet, genesis.pools()[0]
        fund(ledger, Fork(), wallet.pubkey())
        venue = VENUES[pool.venue]
        snapshot = read_snapshot(ledger, venue, pool.address)
        quote = venue.quote(pool.address, snapshot, pool.base.mint, 10**9)
        swap = venue.swap_instruction(
            quote, snapshot, user=wallet.pubkey(), min_amount_out=1
        )
        loaded = load(sign_transaction(ledger, wallet, [swap], "with a memo"))
        clock = ledger.clock.sysvar(ledger.clock.slot())

        outcome = real.execute(loaded, ledger.account, clock)

        assert outcome == execute(loaded, ledger.account, clock)
        assert outcome.error is None


async def test_dumped_programs_look_like_programs(tmp_path):
    program = Pubkey(bytes([7]) * 32)
    dump(MEMO_PROGRAM, tmp_path)
    (tmp_path / f"{MEMO_PROGRAM}.so").rename(tmp_path / f"{program}.so")

    async with running_localnet(programs=RealPrograms.load(tmp_path)) as localnet:
        account = localnet.ledger.account(program)
        shown = localnet.control("getAccountInfo", str(program))

    assert account is not None
    assert is_executable(account)
    assert shown["value"]["executable"] is True


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("raydium.so", ELF, "is not named after a program"),
        (f"{MEMO_PROGRAM}.so", b"#!/bin/sh", "is not a program"),
        (f"{MEMO_PROGRAM}.so", ELF + bytes(100), "cannot run"),
        ("11111111111111111111111111111111.so", ELF, "is a native program"),
        ("notes.txt", b"", "holds no <program id>.so"),
    ],
)
def test_folder_that_holds_no_programs_is_refused(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ProgramsUnusable, match=why):
        RealPrograms.load(tmp_path)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(ProgramsUnusable, match="is not a folder"):
        RealPrograms.load(tmp_path / "nowhere")


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


def test_dumped_programs_take_accounts_from_lookup_tables(tmp_path):
    dump(TOKEN_PROGRAM, tmp_path)
    real, world = RealPrograms.load(tmp_path), World(random.Random(1))
    source, target = (world.account_of(user.pubkey(), TOKEN) for user in USERS[:2])
    owner, address = USERS[0].pubkey(), Pubkey(bytes([9]) * 32)
    table = Table(authority=owner, addresses=(source, target, TOKEN))
    account = Account(LOOKUP_TABLE_PROGRAM, 10**9, table.encode())
    metas = [writable(source), writable(target), signer(owner)]
    message = MessageV0.try_compile(
        owner,
        [Instruction(TOKEN_PROGRAM, struct.pack("<BQ", 3, 5), metas)],
        [AddressLookupTableAccount(address, list(table.addresses))],
        Hash.default(),
    )
    loaded = Loaded(VersionedTransaction.populate(message, [Signature.default()]))

    def read(key: Pubkey) -> Account | None:
        return account if key == address else world.twins.read(key)

    by_dumps = real.execute(loaded, read, world.twins.clock)

    assert by_dumps.error is None, by_dumps.logs
    assert by_dumps.loaded.loaded_writable == (source, target)
    by_own = execute(loaded, read, world.twins.clock)
    assert written(by_dumps) == written(by_own)


def test_command_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("localnet", programs=tmp_path / "nowhere", ledger=tmp_path)


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
