"""The system program: create accounts, give them space and an owner, move lamports."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import SYSTEM_PROGRAM

from .invocation import Invocation
from .system_addresses import (
    ADDRESS_WITH_SEED_MISMATCH,
    Address,
    derived,
    log,
    read_seed,
    read_text,
    with_seed,
)

UNITS = 150
MAX_DATA_LENGTH = 10 * 1024 * 1024
ACCOUNT_ALREADY_IN_USE = 0
RESULT_WITH_NEGATIVE_LAMPORTS = 1
INVALID_ACCOUNT_DATA_LENGTH = 3


def process(call: Invocation) -> None:
    """Run one system instruction (tags and layouts: solana-system-interface)."""
    call.consume(UNITS)
    if len(call.data) < 4:
        raise InstructionError("InvalidInstructionData")
    tag = int.from_bytes(call.data[:4], "little")
    instruction = INSTRUCTIONS.get(tag)
    if instruction is None:
        if tag in NONCE_INSTRUCTIONS:
            log(call, "localnet has no durable nonces: use a recent blockhash")
        raise InstructionError("InvalidInstructionData")
    try:
        instruction(call, call.data[4:])
    except (struct.error, UnicodeDecodeError):
        raise InstructionError("InvalidInstructionData") from None


def _create_account(call: Invocation, body: bytes) -> None:
    lamports, space, owner = struct.unpack_from("<QQ32s", body)
    _require_accounts(call, 2)
    _create(call, Address(1, call.address(1)), lamports, space, Pubkey(owner))


def _create_with_seed(call: Invocation, body: bytes) -> None:
    base, seed, rest = read_seed(body)
    lamports, space, owner = struct.unpack_from("<QQ32s", rest)
    _require_accounts(call, 2)
    address = derived(call, 1, base, seed, Pubkey(owner))
    _create(call, address, lamports, space, Pubkey(owner))


def _create_funded(call: Invocation, body: bytes) -> None:
    """Create an account that may hold lamports already."""
    lamports, space, owner = struct.unpack_from("<QQ32s", body)
    _require_accounts(call, 1 if lamports == 0 else 2)
    address = Address(0, call.address(0))
    _allocate(call, address, space)
    _assign(call, address, Pubkey(owner))
    if lamports:
        _require_payer(call, 1)
        _transfer(call, 1, 0, lamports)


def _assign_plain(call: Invocation, body: bytes) -> None:
    (owner,) = struct.unpack_from("<32s", body)
    _require_accounts(call, 1)
    _assign(call, Address(0, call.address(0)), Pubkey(owner))


def _assign_with_seed(call: Invocation, body: bytes) -> None:
    base, seed, rest = read_seed(body)
    (owner,) = struct.unpack_from("<32s", rest)
    _require_accounts(call, 1)
    _assign(call, derived(call, 0, base, seed, Pubkey(owner)), Pubkey(owner))


def _allocate_plain(call: Invocation, body: bytes) -> None:
    (space,) = struct.unpack_from("<Q", body)
    _require_accounts(call, 1)
    _allocate(call, Address(0, call.address(0)), space)


def _allocate_with_seed(call: Invocation, body: bytes) -> None:
    base, seed, rest = read_seed(body)
    space, owner = struct.unpack_from("<Q32s", rest)
    _require_accounts(call, 1)
    address = derived(call, 0, base, seed, Pubkey(owner))
    _allocate(call, address, space)
    _assign(call, address, Pubkey(owner))


def _transfer_plain(call: Invocation, body: bytes) -> None:
    (lamports,) = struct.unpack_from("<Q", body)
    _require_accounts(call, 2)
    _require_payer(call, 0)
    _transfer(call, 0, 1, lamports)


def _transfer_with_seed(call: Invocation, body: bytes) -> None:
    (lamports,) = struct.unpack_from("<Q", body)
    seed, rest = read_text(body[8:])
    (owner,) = struct.unpack_from("<32s", rest)
    _require_accounts(call, 3)
    if not call.is_signer(1):
        log(call, f"Transfer: 'from' account {call.address(1)} must sign")
        raise InstructionError("MissingRequiredSignature")
    expected = with_seed(call.address(1), seed, Pubkey(owner))
    if call.address(0) != expected:
        log(
            call,
            f"Transfer: 'from' address {call.address(0)} does not match derived "
            f"address {expected}",
        )
        raise custom(ADDRESS_WITH_SEED_MISMATCH)
    _transfer(call, 0, 2, lamports)


def _create(
    call: Invocation, address: Address, lamports: int, space: int, owner: Pubkey
) -> None:
    if call.account(1).lamports > 0:
        log(call, f"Create Account: account {address} already in use")
        raise custom(ACCOUNT_ALREADY_IN_USE)
    _allocate(call, address, space)
    _assign(call, address, owner)
    _require_payer(call, 0)
    _transfer(call, 0, 1, lamports)


def _allocate(call: Invocation, address: Address, space: int) -> None:
    if not address.has_signed(call):
        log(call, f"Allocate: 'to' account {address} must sign")
        raise InstructionError("MissingRequiredSignature")
    account = call.account(address.position)
    if account.data or account.owner != SYSTEM_PROGRAM:
        log(call, f"Allocate: account {address} already in use")
        raise custom(ACCOUNT_ALREADY_IN_USE)
    if space > MAX_DATA_LENGTH:
        log(call, f"Allocate: requested {space}, max allowed {MAX_DATA_LENGTH}")
        raise custom(INVALID_ACCOUNT_DATA_LENGTH)
    call.write(address.position, replace(account, data=bytes(space)))
    # Also where no byte is added.
    if not call.accounts[address.position].is_writable:
        raise InstructionError("ReadonlyDataModified")


def _assign(call: Invocation, address: Address, owner: Pubkey) -> None:
    account = call.account(address.position)
    if account.owner == owner:
        return
    if not address.has_signed(call):
        log(call, f"Assign: account {address} must sign")
        raise InstructionError("MissingRequiredSignature")
    call.write(address.position, replace(account, owner=owner))


def _transfer(call: Invocation, source: int, target: int, lamports: int) -> None:
    payer = call.account(source)
    if payer.data:
        log(call, "Transfer: `from` must not carry data")
        raise InstructionError("InvalidArgument")
    if lamports > payer.lamports:
        log(call, f"Transfer: insufficient lamports {payer.lamports}, need {lamports}")
        raise custom(RESULT_WITH_NEGATIVE_LAMPORTS)
    if lamports and payer.owner != call.program:
        raise InstructionError("ExternalAccountLamportSpend")
    _set_lamports(call, source, payer.lamports - lamports)
    _set_lamports(call, target, call.account(target).lamports + lamports)


def _set_lamports(call: Invocation, position: int, lamports: int) -> None:
    if not call.accounts[position].is_writable:
        raise InstructionError("ReadonlyLamportChange")
    call.write(position, replace(call.account(position), lamports=lamports))


def _require_payer(call: Invocation, position: int) -> None:
    if not call.is_signer(position):
        log(call, f"Transfer: `from` account {call.address(position)} must sign")
        raise InstructionError("MissingRequiredSignature")


def _require_accounts(call: Invocation, count: int) -> None:
    if len(call.accounts) < count:
        raise InstructionError("MissingAccount")


NONCE_INSTRUCTIONS = (4, 5, 6, 7, 12)
INSTRUCTIONS: dict[int, Callable[[Invocation, bytes], None]] = {
    0: _create_account,
    1: _assign_plain,
    2: _transfer_plain,
    3: _create_with_seed,
    8: _allocate_plain,
    9: _allocate_with_seed,
    10: _assign_with_seed,
    11: _transfer_with_seed,
    13: _create_funded,
}
