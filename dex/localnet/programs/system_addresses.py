"""Addresses in system instructions: an account's own, or one derived with a seed."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from dex.localnet.transaction_errors import InstructionError, custom

from .invocation import Invocation

MAX_SEED_LENGTH = 32
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


def derived(
    call: Invocation, position: int, base: Pubkey, seed: str, owner: Pubkey
) -> Address:
    """Return the account at a position, which must be derived from base and seed."""
    address, expected = call.address(position), with_seed(base, seed, owner)
    if address != expected:
        text = f"Create: address {address} does not match derived address {expected}"
        log(call, text)
        raise custom(ADDRESS_WITH_SEED_MISMATCH)
    return Address(position, address, base)


def with_seed(base: Pubkey, seed: str, owner: Pubkey) -> Pubkey:
    if len(seed.encode()) > MAX_SEED_LENGTH:
        raise custom(SEED_TOO_LONG)
    if bytes(owner).endswith(DERIVED_MARKER):
        raise custom(ILLEGAL_SEED_OWNER)
    return Pubkey.create_with_seed(base, seed, owner)


def read_seed(body: bytes) -> tuple[Pubkey, str, bytes]:
    """Read base and seed; return them with what follows."""
    (base,) = struct.unpack_from("<32s", body)
    return Pubkey(base), *read_text(body[32:])


def read_text(body: bytes) -> tuple[str, bytes]:
    (length,) = struct.unpack_from("<Q", body)
    if length > len(body) - 8:
        raise InstructionError("InvalidInstructionData")
    return body[8 : 8 + length].decode(), body[8 + length :]


def log(call: Invocation, text: str) -> None:
    call.execution.logs.append(text)
