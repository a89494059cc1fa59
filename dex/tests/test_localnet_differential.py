"""Localnet's programs against the real ones, run in an in-process VM (LiteSVM).

Random transactions over few accounts, many of them wrong on purpose: both must end in the
same error and the same bytes, and log the same lines.
"""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest
from solders.account import Account as VmAccount
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from dex.localnet.programs import token_layout as layout
from dex.localnet.runtime import execute, load
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    MEMO_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    WRAPPED_SOL_MINT,
    associated_token_address,
)
from dex.types import Account, Clock

USERS = [Keypair.from_seed(bytes([n]) * 32) for n in range(1, 4)]
TOKEN = Pubkey(bytes([101]) * 32)
FEE_TOKEN = Pubkey(bytes([102]) * 32)
PROGRAM_OF = {
    TOKEN: TOKEN_PROGRAM,
    WRAPPED_SOL_MINT: TOKEN_PROGRAM,
    FEE_TOKEN: TOKEN_2022_PROGRAM,
}
DECIMALS = {TOKEN: 6, WRAPPED_SOL_MINT: 9, FEE_TOKEN: 2}
EMPTY = Account(SYSTEM_PROGRAM, 0, b"")


class Twins:
    """The same accounts in the VM and here."""

    def __init__(self) -> None:
        self.vm = LiteSVM()
        self.here: dict[Pubkey, Account] = {}
        for user in USERS:
            self.put(user.pubkey(), Account(SYSTEM_PROGRAM, 10**10, b""))
        for mint, program in PROGRAM_OF.items():
            data = layout.new_mint(
                decimals=DECIMALS[mint], supply=10**15, authority=None
            )
            if mint == FEE_TOKEN:
                fee = struct.pack("<QQH", 0, 5_000, 125)
                config = bytes(72) + fee + fee
                data += bytes(83) + b"\x01" + struct.pack("<HH", 1, 108) + config
            self.put(mint, Account(program, 10**9, data))

    def put(self, address: Pubkey, account: Account) -> None:
        self.here[address] = account
        self.vm.set_account(
            address, VmAccount(account.lamports, account.data, account.owner)
        )

    def send(self, payer: Keypair, instruction: Instruction) -> tuple[Any, Any]:
        """Run one instruction in both; return (error, logs) of the VM, then of ours."""
        blockhash = self.vm.latest_blockhash()
        signers = {payer.pubkey(): payer} | {
            user.pubkey(): user
            for user in USERS
            if any(
                m.is_signer and m.pubkey == user.pubkey() for m in instruction.accounts
            )
        }
        message = MessageV0.try_compile(payer.pubkey(), [instruction], [], blockhash)
        order = message.account_keys[: message.header.num_required_signatures]
        raw = bytes(VersionedTransaction(message, [signers[key] for key in order]))
        result = self.vm.send_transaction(VersionedTransaction.from_bytes(raw))
        self.vm.expire_blockhash()
        outcome = execute(load(raw), self.here.get, Clock(1, 0, 0))
        for address, account in outcome.changes.items():
            if account is None:
                self.here.pop(address, None)
            else:
                self.here[address] = account
        self.compare(message.account_keys)
        error, meta = None, result
        if isinstance(result, FailedTransactionMetadata):
            error, meta = as_json(result.err()), result.meta()
        assert isinstance(meta, TransactionMetadata)
        return (error, without_units(meta.logs())), (
            outcome.error,
            without_units(outcome.logs),
        )

    def compare(self, addresses: list[Pubkey]) -> None:
        for address in addresses:
            if address in (*PROGRAM_OF.values(), MEMO_PROGRAM, SYSTEM_PROGRAM):
                continue
            if address == ASSOCIATED_TOKEN_PROGRAM:
                continue
            real = self.vm.get_account(address)
            ours = self.here.get(address, EMPTY)
            if real is None or real.lamports == 0:
                assert ours.lamports == 0
                continue
            assert ours == Account(real.owner, real.lamports, bytes(real.data))


def as_json(error: Any) -> Any:
    """Return an error of the VM in the shape that nodes show."""
    value = json.loads(error.to_json())
    if isinstance(value, list):  # of an instruction: its index, a name or a code
        index, inner = value
        return {
            "InstructionError": [
                index,
                {"Custom": inner} if isinstance(inner, int) else inner,
            ]
        }
    if isinstance(value, dict) and set(value) == {"account_index"}:
        return {"InsufficientFundsForRent": value}
    return value


def without_units(logs: list[str]) -> list[str]:
    """Leave out compute units, return data, and how a memo is no UTF-8."""
    return [
        line
        for line in logs
        if " consumed " not in line
        and not line.startswith(("Program return: ", "Program log: Instruction: "))
        and "failed: invalid utf-8" not in line
        and "failed: Program failed to complete" not in line
    ]


def random_instruction(rng: random.Random, here: dict[Pubkey, Account]) -> Instruction:
    user, other = rng.choice(USERS).pubkey(), rng.choice(USERS).pubkey()
    mint = rng.choice(list(PROGRAM_OF))
    program = PROGRAM_OF[mint]
    source = associated_token_address(user, mint, program)
    target = associated_token_address(other, mint, program)
    amount = rng.choice([0, 1, 1_000, rng.randrange(10**6), 10**12])
    kind = rng.randrange(7)
    if kind == 0:
        lamports = rng.choice([0, 5, 890_880, rng.randrange(10**8), 10**12])
        receiver = rng.choice([other, target])
        return transfer(
            TransferParams(from_pubkey=user, to_pubkey=receiver, lamports=lamports)
        )
    if kind == 1:
        return create_account(rng, user, other, mint, target)
    if kind == 2:
        return transfer_checked(rng, user, mint, source, target, amount)
    if kind == 3:
        data = b"\x03" + struct.pack("<Q", amount)
        accounts = [writable(source), writable(target), signer(user)]
        return Instruction(program, data, accounts)
    if kind == 4:
        authority = rng.choice([user, other])
        accounts = [writable(source), writable(other), signer(authority)]
        return Instruction(program, b"\x09", accounts)
    if kind == 5:
        return Instruction(program, b"\x11", [writable(source)])
    text = rng.choice(
        [b"hello", b'"\n\t\x01\\', "größer".encode(), b"\xff", b"", b"a" * 100]
    )
    accounts = rng.choice([[], [signer(user)], [readonly(user)]])
    return Instruction(MEMO_PROGRAM, text, accounts)


def create_account(rng, payer, owner, mint, address) -> Instruction:
    wrong = rng.random() < 0.1
    accounts = [
        AccountMeta(payer, is_signer=True, is_writable=True),
        writable(USERS[0].pubkey() if wrong else address),
        readonly(owner),
        readonly(mint),
        readonly(SYSTEM_PROGRAM),
        readonly(PROGRAM_OF[mint]),
    ]
    return Instruction(
        ASSOCIATED_TOKEN_PROGRAM, rng.choice([b"", b"\0", b"\1"]), accounts
    )


def transfer_checked(rng, user, mint, source, target, amount) -> Instruction:
    wrong = rng.random()
    named = TOKEN if wrong < 0.1 else mint
    decimals = DECIMALS[mint] + (0.1 <= wrong < 0.2)
    authority = rng.choice(USERS).pubkey() if wrong > 0.8 else user
    accounts = [writable(source), readonly(named), writable(target), signer(authority)]
    data = struct.pack("<BQB", 12, amount, decimals)
    return Instruction(PROGRAM_OF[mint], data, accounts)


def signer(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=False)


def writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def readonly(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


@pytest.mark.parametrize("seed", range(8))
def test_random_transactions_end_as_on_the_real_programs(seed):
    rng, twins = random.Random(seed), Twins()
    for mint in PROGRAM_OF:
        for user in USERS[:2]:
            fund(twins, user.pubkey(), mint)
    errors = 0
    for step in range(150):
        payer = rng.choice(USERS)
        instruction = random_instruction(rng, twins.here)

        real, ours = twins.send(payer, instruction)

        assert ours == real, (seed, step, instruction)
        errors += real[0] is not None
    assert 20 < errors < 130


def fund(twins: Twins, owner: Pubkey, mint: Pubkey) -> None:
    """Create an associated account in both worlds and put tokens into it."""
    address = associated_token_address(owner, mint, PROGRAM_OF[mint])
    create = create_account(random.Random(0), owner, owner, mint, address)
    payer = next(user for user in USERS if user.pubkey() == owner)
    real, ours = twins.send(payer, create)
    assert ours == real
    account = twins.here[address]
    wrapped = mint == WRAPPED_SOL_MINT
    data = layout.with_amount(account.data, 10**6)
    lamports = account.lamports + (10**6 if wrapped else 0)
    twins.put(address, Account(account.owner, lamports, data))
