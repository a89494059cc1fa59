"""What one transaction may name, run, allocate and use, as on the real runtime."""

from __future__ import annotations

import random
import struct

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from dex.localnet.lookup import Table
from dex.localnet.meta import LOGS_CUT_OFF
from dex.localnet.network import Network
from dex.localnet.programs.execution import Execution
from dex.localnet.programs.invocation import Invocation, run
from dex.localnet.testing import land
from dex.localnet.transaction_errors import InstructionError
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
)
from dex.types import Account, Clock

from .differential import others
from .differential.twins import unsigned
from .differential.world import (
    NEW,
    TOKEN,
    USERS,
    World,
    create_associated,
    paying,
    readonly,
    signer,
    writable,
)

PAYER, OTHER = USERS[0].pubkey(), USERS[1].pubkey()
TABLE, STRANGER = Pubkey(bytes([77]) * 32), Pubkey(bytes([78]) * 32)
MEBIBYTE = 1024 * 1024


@pytest.fixture
def world():
    return World(random.Random(1))


def send(world: World, *instructions: Instruction, tables=()):
    """Run a transaction in both worlds, which end alike; return that end."""
    real, ours = world.twins.send(USERS[0], instructions, tables)
    assert ours.told() == real.told()
    return ours


def pay(*also: AccountMeta) -> Instruction:
    accounts = [paying(PAYER), writable(OTHER), *also]
    return Instruction(SYSTEM_PROGRAM, struct.pack("<IQ", 2, 1), accounts)


def unit_limit(units: int) -> Instruction:
    return Instruction(COMPUTE_BUDGET_PROGRAM, struct.pack("<BI", 2, units), [])


def allocate(number: int, size: int) -> Instruction:
    data = struct.pack("<IQ", 8, size)
    return Instruction(SYSTEM_PROGRAM, data, [paying(NEW[number].pubkey())])


@pytest.mark.parametrize(("count", "error"), [(64, None), (65, "TooManyAccountLocks")])
def test_a_transaction_names_64_accounts_and_no_more(world, count, error):
    # The payer, the receiver and the program are the other three.
    named = [Pubkey(bytes([200, n] * 16)) for n in range(count - 3)]
    data = Table(PAYER, tuple(named)).encode()
    world.twins.put(TABLE, Account(LOOKUP_TABLE_PROGRAM, 10**9, data))
    table = AddressLookupTableAccount(TABLE, named)

    ending = send(world, pay(*map(readonly, named)), tables=[table])

    assert ending.error == error


def test_a_transaction_runs_64_instructions_and_no_more(world):
    assert send(world, *[pay()] * 64).error is None

    assert send(world, *[pay()] * 65).error == {
        "InstructionError": [64, "MaxInstructionTraceLengthExceeded"]
    }


def test_the_calls_of_programs_count_as_instructions(world):
    accounts = create_associated(PAYER, STRANGER, TOKEN)
    create = Instruction(ASSOCIATED_TOKEN_PROGRAM, b"\1", accounts)

    # It makes four calls.
    assert send(world, *[pay()] * 60, create).error == {
        "InstructionError": [60, "MaxInstructionTraceLengthExceeded"]
    }
    assert send(world, *[pay()] * 59, create).error is None


def test_a_transaction_allocates_20_mebibytes_and_no_more(world):
    ten = 10 * MEBIBYTE
    refused = "MaxAccountsDataAllocationsExceeded"

    ending = send(world, allocate(0, ten), allocate(1, ten), allocate(2, 1))

    assert ending.error == {"InstructionError": [2, refused]}
    # These accounts pay no rent, which is looked at last.
    ending = send(world, allocate(0, ten), allocate(1, ten), allocate(2, 0))
    assert ending.error is None


def test_a_closed_account_gives_its_bytes_back_to_the_transaction(world):
    owned = world.account_of(PAYER, TOKEN)
    burn = struct.pack("<BQ", 8, 10**6)
    empty = [
        Instruction(
            TOKEN_PROGRAM, burn, [writable(owned), writable(TOKEN), signer(PAYER)]
        ),
        Instruction(
            TOKEN_PROGRAM, b"\x09", [writable(owned), writable(PAYER), signer(PAYER)]
        ),
    ]
    ten = 10 * MEBIBYTE
    filled = [*empty, allocate(0, ten), allocate(1, ten)]

    assert send(world, *filled, allocate(2, 166)).error == {
        "InstructionError": [4, "MaxAccountsDataAllocationsExceeded"]
    }
    assert send(world, *filled, allocate(2, 165)).error is None


@pytest.mark.parametrize("units", [150, 151, 200, 225])
def test_a_program_that_runs_out_of_units_fails_to_complete(world, units):
    accounts = [world.account_of(user, TOKEN) for user in (PAYER, OTHER)]
    metas = [*map(writable, accounts), signer(PAYER)]
    transfer = Instruction(TOKEN_PROGRAM, struct.pack("<BQ", 3, 5), metas)

    ending = send(world, unit_limit(units), transfer)

    assert ending.error == {"InstructionError": [1, "ProgramFailedToComplete"]}
    assert ending.units == units
    assert ending.logs[-1].endswith("failed: exceeded CUs meter at BPF instruction")
    assert send(world, unit_limit(226), transfer).error is None


@pytest.mark.parametrize("units", [150, 299])
def test_a_native_program_that_runs_out_of_units_exceeds_its_budget(world, units):
    ending = send(world, unit_limit(units), pay())

    assert ending.error == {"InstructionError": [1, "ComputationalBudgetExceeded"]}
    assert send(world, unit_limit(300), pay()).error is None


def test_a_call_is_refused_for_its_rights_before_its_program_is_missed(world):
    recent = world.twins.slot - 1
    table, bump = others.table_address(PAYER, recent)
    data = struct.pack("<IQB", 0, recent, bump)
    accounts = [readonly(table), readonly(PAYER), paying(PAYER)]

    ending = send(world, Instruction(LOOKUP_TABLE_PROGRAM, data, accounts))

    assert ending.error == {"InstructionError": [0, "PrivilegeEscalation"]}


def nothing(address: Pubkey) -> Account | None:
    return None


def call_token_program(call: Invocation) -> None:
    call.call(TOKEN_PROGRAM, [], b"")


def use_10_000_units(call: Invocation) -> None:
    call.consume(10_000)


def read_an_address(call: Invocation) -> None:
    Pubkey(call.data)


def test_a_caller_fails_with_the_error_of_the_called_but_not_with_its_words():
    inner, outer = TOKEN_PROGRAM, ASSOCIATED_TOKEN_PROGRAM
    programs = {inner: use_10_000_units, outer: call_token_program}
    keys = [inner, outer]
    execution = Execution(nothing, keys, programs, Clock(1, 0, 0), unit_limit=5_000)

    with pytest.raises(InstructionError) as refused:
        run(Invocation(execution, outer, [readonly(inner)], b"", 0))

    assert refused.value.error == "ProgramFailedToComplete"
    assert [line for line in execution.logs if " failed: " in line] == [
        f"Program {inner} failed: exceeded CUs meter at BPF instruction",
        f"Program {outer} failed: Program failed to complete",
    ]


def test_a_bug_in_a_program_of_localnet_fails_its_transaction_alone(caplog):
    programs = {TOKEN_PROGRAM: read_an_address}
    execution = Execution(nothing, [], programs, Clock(1, 0, 0), unit_limit=5_000)

    with pytest.raises(InstructionError) as refused:
        run(Invocation(execution, TOKEN_PROGRAM, [], b"\xabc", 0))

    assert refused.value.error == "ProgramFailedToComplete"
    assert execution.logs[-1] == (
        f"Program {TOKEN_PROGRAM} failed: localnet's own program broke; see the log "
        "of localnet"
    )
    assert f"Program {TOKEN_PROGRAM} broke on ab63." in caplog.text


def test_logs_of_a_landed_transaction_are_cut_off_at_10_000_bytes(world, tmp_path):
    # Behind the cut, lines that still fit are kept.
    memos = [
        Instruction(MEMO_PROGRAM, b"x" * size, [])
        for size in (900, 900, 900, 900, 900, 900, 900, 900, 900, 500, 10, 60, 10)
    ]
    network = Network.open(tmp_path, slot_time_s=3600, fund=[PAYER])
    record = land(network.ledger, USERS[0], *memos)
    network.ledger.commit()
    network.ledger.close()
    vm = LiteSVM().with_sigverify(False).with_blockhash_check(False)
    vm.airdrop(PAYER, 10**9)
    message = MessageV0.try_compile(PAYER, memos, [], Hash.default())

    real = vm.send_transaction(unsigned(message))

    assert isinstance(real, TransactionMetadata)
    assert record is not None
    assert record.meta["logMessages"] == real.logs()
    assert real.logs().count(LOGS_CUT_OFF) == 1
    assert real.logs()[-1] != LOGS_CUT_OFF
