"""Rare cases of the token programs, which end as on the real ones."""

from __future__ import annotations

import random
import struct

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.localnet.network import Network
from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.localnet.testing import land
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    associated_token_address,
)
from dex.types import Account

from .differential.world import (
    AUTHORITY,
    NEW,
    PLAIN_2022,
    TOKEN,
    USERS,
    World,
    keypair,
    paying,
    readonly,
    signer,
    writable,
)

PAYER = USERS[0].pubkey()
MINTS = {TOKEN_PROGRAM: TOKEN, TOKEN_2022_PROGRAM: PLAIN_2022}
EITHER = pytest.mark.parametrize("program", MINTS, ids=["SPL Token", "Token-2022"])
INVALID = {TOKEN_PROGRAM: {"Custom": 12}, TOKEN_2022_PROGRAM: "InvalidInstructionData"}
MEMBERS = [keypair(number).pubkey() for number in range(60, 71)]
MULTISIG, FROM, TO = (Pubkey(bytes([number]) * 32) for number in (200, 201, 202))


@pytest.fixture
def world():
    return World(random.Random(1))


def send(world: World, *instructions: Instruction):
    """Run a transaction in both worlds, which end alike; return both ends."""
    real, ours = world.twins.send(USERS[0], instructions)
    assert ours.told() == real.told()
    return real, ours


@EITHER
@pytest.mark.parametrize("option", [b"", b"\2", b"\2abc", b"\2" + b"x" * 32, b"\xff"])
@pytest.mark.parametrize("kind", [2, 3, 5, 99])
def test_set_authority_refuses_an_option_that_is_neither_0_nor_1(
    world, program, kind, option
):
    owned = world.account_of(PAYER, MINTS[program])
    data = bytes([6, kind]) + option
    instruction = Instruction(program, data, [writable(owned), signer(PAYER)])

    _, ours = send(world, instruction)

    assert ours.error == {"InstructionError": [0, INVALID[program]]}


def test_a_bad_option_lands_as_an_error_and_the_chain_goes_on(tmp_path):
    wallet = USERS[0]
    network = Network.open(tmp_path, slot_time_s=3600, fund=[wallet.pubkey()])
    owned = associated_token_address(PAYER, genesis.TOKENS["USDC"].mint)
    accounts = [writable(owned), signer(PAYER)]
    poison = Instruction(TOKEN_PROGRAM, b"\x06\x02\x05abc", accounts)

    refused = land(network.ledger, wallet, poison)
    later = land(network.ledger, wallet, Instruction(MEMO_PROGRAM, b"on", []))
    network.ledger.commit()
    network.ledger.close()

    assert refused is not None
    assert refused.error == {"InstructionError": [0, {"Custom": 12}]}
    assert later is not None
    assert later.error is None


def put_multisig(world: World, program: Pubkey, mint: Pubkey, owner: Pubkey) -> None:
    """Make a multisignature of 2 in 3 members own two token accounts of a mint."""
    size = layout.MULTISIG_SIZE
    data = bytes([2, 3, 1]) + b"".join(map(bytes, MEMBERS[:3]))
    rent = rent_exempt_minimum(size)
    world.twins.put(MULTISIG, Account(owner, rent, data.ljust(size, b"\0")))
    for address in (FROM, TO):
        held = layout.new_token_account(mint, MULTISIG, 1_000)
        account = Account(program, rent_exempt_minimum(len(held)), held)
        world.twins.put(address, account)


@EITHER
@pytest.mark.parametrize("owner", MINTS, ids=["its SPL Token", "its Token-2022"])
def test_a_multisignature_of_either_token_program_signs_for_both(world, program, owner):
    put_multisig(world, program, MINTS[program], owner)
    accounts = [writable(FROM), writable(TO), readonly(MULTISIG)]
    data = struct.pack("<BQ", 3, 5)

    def sign(*members: int):
        signers = [signer(MEMBERS[member]) for member in members]
        return send(world, Instruction(program, data, [*accounts, *signers]))[1]

    assert sign(0, 2).error is None
    assert sign(1).error == {"InstructionError": [0, "MissingRequiredSignature"]}


def test_a_multisignature_of_another_program_does_not_sign(world):
    put_multisig(world, TOKEN_PROGRAM, TOKEN, SYSTEM_PROGRAM)
    accounts = [writable(FROM), writable(TO), readonly(MULTISIG)]
    signers = [signer(member) for member in MEMBERS[:3]]

    instruction = Instruction(
        TOKEN_PROGRAM, struct.pack("<BQ", 3, 5), [*accounts, *signers]
    )

    assert send(world, instruction)[1].error == {
        "InstructionError": [0, "MissingRequiredSignature"]
    }


@EITHER
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("tag", [3, 4, 5, 6, 8])
def test_a_multisignature_costs_units_for_each_signer(world, program, tag, count):
    mint = MINTS[program]
    put_multisig(world, program, mint, program)
    amount = struct.pack("<Q", 5)
    accounts, body = {
        3: ([writable(TO)], amount),
        4: ([readonly(PAYER)], amount),
        5: ([], b""),
        6: ([], b"\3\1" + bytes(PAYER)),
        8: ([writable(mint)], amount),
    }[tag]
    signers = [signer(member) for member in MEMBERS[:count]]
    metas = [writable(FROM), *accounts, readonly(MULTISIG), *signers]

    real, ours = send(world, Instruction(program, bytes([tag]) + body, metas))

    assert real.error is None
    assert abs(ours.units - real.units) <= real.units * 0.1


@pytest.mark.parametrize(
    ("size", "extend", "kind"),
    [(170, b"\x16", 0), (278, b"\x1a\0\0\0" + bytes(10), 0)],
    ids=["ImmutableOwner", "TransferFeeConfig"],
)
def test_an_extension_leaves_the_kind_open_until_its_account_is_opened(
    world, size, extend, kind
):
    new = NEW[0].pubkey()
    create = struct.pack("<IQQ32s", 0, 10**8, size, bytes(TOKEN_2022_PROGRAM))
    made = Instruction(SYSTEM_PROGRAM, create, [paying(PAYER), paying(new)])
    extended = Instruction(TOKEN_2022_PROGRAM, extend, [writable(new)])

    _, ours = send(world, made, extended)

    assert ours.error is None
    assert world.twins.here[new].data[layout.ACCOUNT_SIZE] == kind


@pytest.mark.parametrize(
    ("size", "extend", "wrong"),
    [
        (278, b"\x16", b"\x14\0" + bytes(AUTHORITY) + b"\0"),
        (278, b"\x1a\0\0\0" + bytes(10), b"\x12" + bytes(PAYER)),
    ],
    ids=["a mint with an owner's promise", "an account with a mint's fee"],
)
def test_an_account_does_not_take_an_extension_of_the_other_kind(
    world, size, extend, wrong
):
    new = NEW[0].pubkey()
    create = struct.pack("<IQQ32s", 0, 10**8, size, bytes(TOKEN_2022_PROGRAM))
    made = Instruction(SYSTEM_PROGRAM, create, [paying(PAYER), paying(new)])
    extended = Instruction(TOKEN_2022_PROGRAM, extend, [writable(new)])
    metas = [writable(new), readonly(PLAIN_2022)]

    _, ours = send(world, made, extended, Instruction(TOKEN_2022_PROGRAM, wrong, metas))

    assert ours.error == {"InstructionError": [2, {"Custom": 21}]}


@pytest.mark.parametrize("tag", [0, 2])
def test_token_2022_looks_at_the_owner_before_it_misses_the_rent_sysvar(world, tag):
    body = b"\0" + bytes(AUTHORITY) + b"\0" if tag == 0 else b"\1"
    instruction = Instruction(
        TOKEN_2022_PROGRAM, bytes([tag]) + body, [writable(PAYER)]
    )

    _, ours = send(world, instruction)

    assert ours.error == {"InstructionError": [0, "IncorrectProgramId"]}


@pytest.mark.parametrize("stranger", [SYSTEM_PROGRAM, MEMO_PROGRAM, TOKEN])
def test_an_associated_account_belongs_to_a_token_program(world, stranger):
    account = associated_token_address(PAYER, TOKEN, stranger)
    accounts = [paying(PAYER), writable(account), readonly(PAYER), readonly(TOKEN)]
    accounts += [readonly(SYSTEM_PROGRAM), readonly(stranger)]

    _, ours = send(world, Instruction(ASSOCIATED_TOKEN_PROGRAM, b"", accounts))

    assert ours.error == {"InstructionError": [0, "IncorrectProgramId"]}
