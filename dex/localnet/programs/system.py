"""The system program: create accounts, give them space and an owner, move lamports."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom
from dex.solana.addresses import SYSTEM_PROGRAM

from .invocation import Invocation

UNITS = 150
MAX_DATA_LENGTH = 10 * 1024 * 1024
MAX_SEED_LENGTH = 32
ACCOUNT_ALREADY_IN_USE = 0
RESULT_WITH_NEGATIVE_LAMPORTS = 1
INVALID_ACCOUNT_DATA_LENGTH = 3
ADDRESS_WITH_SEED_MISMATCH = 5
# What deriving an address with a seed raises: the seed is too long, or the owner illegal.
SEED_TOO_LONG = 0
ILLEGAL_SEED_OWNER = 2
# Programs' own addresses are derived from data that ends so.
DERIVED_MARKER = b"ProgramDerivedAddress"


@dataclass(frozen=True, slots=True)
class Address:
    """An account to change, and who must sign for it: itself, or its base."""

    position: int
    address: Pubkey
    base: Pubkey | None = None

    def __str__(self) -> str:
        base = "None" if self.base is None else f"Some({self.base})"
        return f"Address {{ address: {self.address}, base: {base} }}"

    def has_signed(self, call: Invocation) -> bool:
        signer = self.base or self.address
        return any(m.is_signer and m.pubkey == signer for m in call.accounts)


def process(call: Invocation) -> None:
    """Run one system instruction (tags and layouts: solana-system-interface)."""
    call.consume(UNITS)
    if len(call.data) < 4:
        raise InstructionError("InvalidInstructionData")
    tag = int.from_bytes(call.data[:4], "little")
    instruction = INSTRUCTIONS.get(tag)
    if instruction is None:
        if tag in NONCE_INSTRUCTIONS:
            _log(call, "localnet has no durable nonces: use a recent blockhash")
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
    base, seed, rest = _seed(body)
    lamports, space, owner = struct.unpack_from("<QQ32s", rest)
    _require_accounts(call, 2)
    address = _derived(call, 1, base, seed, Pubkey(owner))
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
    base, seed, rest = _seed(body)
    (owner,) = struct.unpack_from("<32s", rest)
    _require_accounts(call, 1)
    _assign(call, _derived(call, 0, base, seed, Pubkey(owner)), Pubkey(owner))


def _allocate_plain(call: Invocation, body: bytes) -> None:
    (space,) = struct.unpack_from("<Q", body)
    _require_accounts(call, 1)
    _allocate(call, Address(0, call.address(0)), space)


def _allocate_with_seed(call: Invocation, body: bytes) -> None:
    base, seed, rest = _seed(body)
    space, owner = struct.unpack_from("<Q32s", rest)
    _require_accounts(call, 1)
    address = _derived(call, 0, base, seed, Pubkey(owner))
    _allocate(call, address, space)
    _assign(call, address, Pubkey(owner))


def _transfer_plain(call: Invocation, body: bytes) -> None:
    (lamports,) = struct.unpack_from("<Q", body)
    _require_accounts(call, 2)
    _require_payer(call, 0)
    _transfer(call, 0, 1, lamports)


def _transfer_with_seed(call: Invocation, body: bytes) -> None:
    (lamports,) = struct.unpack_from("<Q", body)
    seed, rest = _text(body[8:])
    (owner,) = struct.unpack_from("<32s", rest)
    _require_accounts(call, 3)
    if not call.is_signer(1):
        _log(call, f"Transfer: 'from' account {call.address(1)} must sign")
        raise InstructionError("MissingRequiredSignature")
    derived = _with_seed(call.address(1), seed, Pubkey(owner))
    if call.address(0) != derived:
        _log(
            call,
            f"Transfer: 'from' address {call.address(0)} does not match derived "
            f"address {derived}",
        )
        raise custom(ADDRESS_WITH_SEED_MISMATCH)
    _transfer(call, 0, 2, lamports)


def _create(
    call: Invocation, address: Address, lamports: int, space: int, owner: Pubkey
) -> None:
    if call.account(1).lamports > 0:
        _log(call, f"Create Account: account {address} already in use")
        raise custom(ACCOUNT_ALREADY_IN_USE)
    _allocate(call, address, space)
    _assign(call, address, owner)
    _require_payer(call, 0)
    _transfer(call, 0, 1, lamports)


def _allocate(call: Invocation, address: Address, space: int) -> None:
    if not address.has_signed(call):
        _log(call, f"Allocate: 'to' account {address} must sign")
        raise InstructionError("MissingRequiredSignature")
    account = call.account(address.position)
    if account.data or account.owner != SYSTEM_PROGRAM:
        _log(call, f"Allocate: account {address} already in use")
        raise custom(ACCOUNT_ALREADY_IN_USE)
    if space > MAX_DATA_LENGTH:
        _log(call, f"Allocate: requested {space}, max allowed {MAX_DATA_LENGTH}")
        raise custom(INVALID_ACCOUNT_DATA_LENGTH)
    if not call.accounts[address.position].is_writable:
        raise InstructionError("ReadonlyDataModified")
    call.write(address.position, replace(account, data=bytes(space)))


def _assign(call: Invocation, address: Address, owner: Pubkey) -> None:
    account = call.account(address.position)
    if account.owner == owner:
        return
    if not address.has_signed(call):
        _log(call, f"Assign: account {address} must sign")
        raise InstructionError("MissingRequiredSignature")
    call.write(address.position, replace(account, owner=owner))


def _transfer(call: Invocation, source: int, target: int, lamports: int) -> None:
    payer = call.account(source)
    if payer.data:
        _log(call, "Transfer: `from` must not carry data")
        raise InstructionError("InvalidArgument")
    if lamports > payer.lamports:
        _log(call, f"Transfer: insufficient lamports {payer.lamports}, need {lamports}")
        raise custom(RESULT_WITH_NEGATIVE_LAMPORTS)
    if lamports and payer.owner != call.program:
        raise InstructionError("ExternalAccountLamportSpend")
    _set_lamports(call, source, payer.lamports - lamports)
    _set_lamports(call, target, call.account(target).lamports + lamports)


def _set_lamports(call: Invocation, position: int, lamports: int) -> None:
    if not call.accounts[position].is_writable:
        raise InstructionError("ReadonlyLamportChange")
    call.write(position, replace(call.account(position), lamports=lamports))


def _derived(
    call: Invocation, position: int, base: Pubkey, seed: str, owner: Pubkey
) -> Address:
    """Return the account at a position, which must be derived from base and seed."""
    address, derived = call.address(position), _with_seed(base, seed, owner)
    if address != derived:
        _log(
            call, f"Create: address {address} does not match derived address {derived}"
        )
        raise custom(ADDRESS_WITH_SEED_MISMATCH)
    return Address(position, address, base)


def _with_seed(base: Pubkey, seed: str, owner: Pubkey) -> Pubkey:
    if len(seed.encode()) > MAX_SEED_LENGTH:
        raise custom(SEED_TOO_LONG)
    if bytes(owner).endswith(DERIVED_MARKER):
        raise custom(ILLEGAL_SEED_OWNER)
    return Pubkey.create_with_seed(base, seed, owner)


def _seed(body: bytes) -> tuple[Pubkey, str, bytes]:
    """Read base and seed; return them with what follows."""
    (base,) = struct.unpack_from("<32s", body)
    return Pubkey(base), *_text(body[32:])


def _text(body: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack_from("<Q", body)
    if length > len(body) - 8:
        raise InstructionError("InvalidInstructionData")
    return body[8 : 8 + length].decode(), body[8 + length :]


def _require_payer(call: Invocation, position: int) -> None:
    if not call.is_signer(position):
        _log(call, f"Transfer: `from` account {call.address(position)} must sign")
        raise InstructionError("MissingRequiredSignature")


def _require_accounts(call: Invocation, count: int) -> None:
    if len(call.accounts) < count:
        raise InstructionError("MissingAccount")


def _log(call: Invocation, text: str) -> None:
    call.execution.logs.append(text)


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
