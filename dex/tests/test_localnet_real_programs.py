"""Localnet that runs dumped programs: those the in-process VM bundles, and venues' own."""

from __future__ import annotations

import random
import struct
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from dex.localnet import genesis
from dex.localnet.fork.load import Fork
from dex.localnet.funding import fund
from dex.localnet.lookup import Table
from dex.localnet.market import VENUES, Market, read_snapshot, sign_transaction
from dex.localnet.opening import open_ledger
from dex.localnet.programs import is_executable
from dex.localnet.real_programs import ELF, ProgramsUnusable, RealPrograms
from dex.localnet.runtime import Loaded, execute, load
from dex.localnet.testing import running_localnet
from dex.solana.addresses import (
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account

from .differential import others, tokens
from .differential.world import TOKEN, USERS, World, signer, writable
from .dumped_programs import dump, written


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


def test_dumped_programs_log_as_much_as_they_like(tmp_path):
    dump(MEMO_PROGRAM, tmp_path)
    real, world = RealPrograms.load(tmp_path), World(random.Random(1))
    memos = [Instruction(MEMO_PROGRAM, b"x" * 900, [])] * 12
    message = MessageV0.try_compile(
        USERS[0].pubkey(), memos, [], world.twins.vm.latest_blockhash()
    )
    loaded = Loaded(VersionedTransaction.populate(message, [Signature.default()]))

    by_dumps = real.execute(loaded, world.twins.read, world.twins.clock)

    # What lands is cut off later, what is simulated is not.
    by_own = execute(loaded, world.twins.read, world.twins.clock)
    assert by_dumps.logs == by_own.logs


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
