"""Bytes of mints and token accounts (SPL Token; Token-2022 adds extensions behind)."""

from __future__ import annotations

from collections.abc import Iterator

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_PROGRAM

MINT_SIZE = 82
ACCOUNT_SIZE = 165
# Behind the base layout of Token-2022: one byte for the kind, then type-length-value.
EXTENSIONS_START = 166
KIND_MINT, KIND_ACCOUNT = 1, 2
TRANSFER_FEE_CONFIG, TRANSFER_FEE_AMOUNT, IMMUTABLE_OWNER = 1, 2, 7
INITIALIZED, FROZEN = 1, 2
MULTISIG_SIZE, MAX_SIGNERS = 355, 11
# Offsets in a mint.
MINT_AUTHORITY, SUPPLY, MINT_INITIALIZED, FREEZE_AUTHORITY = 0, 36, 45, 46
# Offsets in a token account.
OWNER, DELEGATE, STATE, NATIVE = 32, 72, 108, 109
DELEGATED_AMOUNT, CLOSE_AUTHORITY = 121, 129


def new_mint(*, decimals: int, supply: int, authority: Pubkey | None) -> bytes:
    """Return an initialised mint without a freeze authority."""
    return (
        _optional(None if authority is None else bytes(authority), 32)
        + supply.to_bytes(8, "little")
        + bytes([decimals, 1])
        + _optional(None, 32)
    )


def new_token_account(
    mint: Pubkey, owner: Pubkey, amount: int = 0, *, native_reserve: int | None = None
) -> bytes:
    """Return an initialised token account; `native_reserve` marks wrapped SOL."""
    reserve = None if native_reserve is None else native_reserve.to_bytes(8, "little")
    return (
        bytes(mint)
        + bytes(owner)
        + amount.to_bytes(8, "little")
        + _optional(None, 32)  # delegate
        + bytes([INITIALIZED])
        + _optional(reserve, 8)
        + bytes(8)  # delegated amount
        + _optional(None, 32)  # close authority
    )


def is_token_account(data: bytes) -> bool:
    """Say whether these bytes are an initialised token account of either program."""
    if len(data) > ACCOUNT_SIZE and data[ACCOUNT_SIZE] != KIND_ACCOUNT:
        return False
    return len(data) >= ACCOUNT_SIZE and data[108] in (INITIALIZED, FROZEN)


def is_mint(data: bytes) -> bool:
    """Say whether these bytes are an initialised mint of either program."""
    if len(data) > MINT_SIZE and data[ACCOUNT_SIZE : ACCOUNT_SIZE + 1] != b"\x01":
        return False
    return len(data) >= MINT_SIZE and data[45] == 1


def mint_of(data: bytes) -> Pubkey:
    return Pubkey(data[:32])


def owner_of(data: bytes) -> Pubkey:
    return Pubkey(data[32:64])


def amount_of(data: bytes) -> int:
    return int.from_bytes(data[64:72], "little")


def with_amount(data: bytes, amount: int) -> bytes:
    return data[:64] + amount.to_bytes(8, "little") + data[72:]


def optional_address(data: bytes, at: int) -> Pubkey | None:
    """Return the address behind a four-byte tag, None when the tag is zero."""
    return Pubkey(data[at + 4 : at + 36]) if data[at] == 1 else None


def with_optional_address(data: bytes, at: int, address: Pubkey) -> bytes:
    return put(data, at, _optional(bytes(address), 32))


def without_address(data: bytes, at: int, program: Pubkey) -> bytes:
    """Take an optional address away; SPL Token leaves its bytes behind the tag."""
    size = 4 if program == TOKEN_PROGRAM else 36
    return put(data, at, bytes(size))


def number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def with_number(data: bytes, at: int, value: int) -> bytes:
    return put(data, at, value.to_bytes(8, "little"))


def put(data: bytes, at: int, value: bytes) -> bytes:
    """Return the data with `value` written over what stands at an offset."""
    return data[:at] + value + data[at + len(value) :]


def is_frozen(data: bytes) -> bool:
    return data[108] == FROZEN


def native_reserve(data: bytes) -> int | None:
    """Return the lamports that wrapped SOL keeps as rent, None for other tokens."""
    return int.from_bytes(data[113:121], "little") if data[109] == 1 else None


def close_authority(data: bytes) -> Pubkey:
    return optional_address(data, CLOSE_AUTHORITY) or owner_of(data)


def decimals_of(mint_data: bytes) -> int:
    return mint_data[44]


def extensions(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Iterate over (type, offset of its value, length) of a Token-2022 account."""
    offset = EXTENSIONS_START
    while offset + 4 <= len(data):
        kind = int.from_bytes(data[offset : offset + 2], "little")
        length = int.from_bytes(data[offset + 2 : offset + 4], "little")
        if kind == 0:
            return
        yield kind, offset + 4, length
        offset += 4 + length


def extension(data: bytes, wanted: int) -> int | None:
    """Return the offset of an extension's value, None when it is not there."""
    for kind, offset, _ in extensions(data):
        if kind == wanted:
            return offset
    return None


def _optional(value: bytes | None, size: int) -> bytes:
    if value is None:
        return bytes(4 + size)
    return b"\x01\x00\x00\x00" + value
