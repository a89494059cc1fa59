"""Account bytes for tests: mints, vaults and CPMM pools, field by field.

Written apart from the decoders, so that a wrong offset in either shows.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account, Accounts, Clock, Snapshot

RAYDIUM = Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
CPMM_AUTHORITY = Pubkey.from_string("GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL")
U64_MAX = 2**64 - 1


def key(name: str) -> Pubkey:
    """Return a made-up address, the same for the same name."""
    return Pubkey.from_bytes(hashlib.sha256(name.encode()).digest())


def snapshot(
    accounts: Accounts, *, unix_timestamp: int = 1_800_000_000, epoch: int = 0
) -> Snapshot:
    """Return `accounts` as of slot 1,000."""
    return Snapshot(1_000, Clock(1_000, epoch, unix_timestamp), accounts)


def put(data: bytearray, offset: int, layout: str, *values: int) -> None:
    struct.pack_into("<" + layout, data, offset, *values)


def discriminator(name: str) -> bytes:
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


@dataclass(frozen=True)
class TransferFees:
    """A Token-2022 transfer fee (basis points, maximum), and the one that follows it."""

    basis_points: int
    maximum: int = U64_MAX
    newer_epoch: int = 2**40
    newer_basis_points: int = 0
    newer_maximum: int = 0


@dataclass(frozen=True)
class Token:
    """A token; `extensions` are Token-2022 extensions as (type, data)."""

    address: Pubkey
    fees: TransferFees | None = None
    extensions: Sequence[tuple[int, bytes]] = ()

    @property
    def program(self) -> Pubkey:
        return TOKEN_2022_PROGRAM if self.fees or self.extensions else TOKEN_PROGRAM

    def account(self) -> Account:
        data = bytearray(82)
        put(data, 36, "QBB", 10**15, 9, 1)  # supply, decimals, initialized
        extensions = list(self.extensions)
        if self.fees:
            config = bytearray(108)
            put(config, 72, "QQH", 0, self.fees.maximum, self.fees.basis_points)
            put(
                config,
                90,
                "QQH",
                self.fees.newer_epoch,
                self.fees.newer_maximum,
                self.fees.newer_basis_points,
            )
            extensions.insert(0, (1, bytes(config)))
        if extensions:
            data += bytes(83) + b"\x01"
            for kind, value in extensions:
                data += struct.pack("<HH", kind, len(value)) + value
        return Account(self.program, 1, bytes(data))


def token_account(
    token: Token, amount: int, *, owner: Pubkey | None = None, frozen: bool = False
) -> Account:
    """Return a token account; one of a mint with transfer fees has their extension."""
    data = bytearray(165)
    data[:32] = bytes(token.address)
    data[32:64] = bytes(owner or bytes(32))
    put(data, 64, "Q", amount)
    data[108] = 2 if frozen else 1
    if token.fees:
        data += b"\x02" + struct.pack("<HH", 2, 8) + bytes(8)
    return Account(token.program, 1, bytes(data))


@dataclass
class CpmmPool:
    """A Raydium CPMM pool; tuples are for token 0 and token 1."""

    vaults: tuple[int, int]
    protocol_fees: tuple[int, int] = (0, 0)
    fund_fees: tuple[int, int] = (0, 0)
    creator_fees: tuple[int, int] = (0, 0)
    trade_fee_rate: int = 2_500
    protocol_fee_rate: int = 120_000
    fund_fee_rate: int = 40_000
    creator_fee_rate: int = 0
    creator_fee_enabled: bool = False
    creator_fee_on: int = 0
    status: int = 0
    open_time: int = 0
    frozen: bool = False
    tokens: tuple[Token, Token] = (Token(key("token 0")), Token(key("token 1")))
    address: Pubkey = field(default_factory=lambda: key("cpmm pool"))

    def pool_data(self) -> bytes:
        data = bytearray(637)
        data[:8] = discriminator("PoolState")
        names = ("cpmm config", "creator", "vault 0", "vault 1", "lp mint")
        keys = [*map(key, names), *(token.address for token in self.tokens)]
        keys += [*(token.program for token in self.tokens), key("observation")]
        for index, address in enumerate(keys):
            data[8 + 32 * index : 40 + 32 * index] = bytes(address)
        put(data, 328, "BBBBB", 253, self.status, 9, 9, 9)
        put(data, 333, "Q", 10**12)
        put(data, 341, "4Q", *self.protocol_fees, *self.fund_fees)
        put(data, 373, "QQ", self.open_time, 7)
        put(data, 389, "BB", self.creator_fee_on, self.creator_fee_enabled)
        put(data, 397, "2Q", *self.creator_fees)
        return bytes(data)

    def config_data(self) -> bytes:
        data = bytearray(236)
        data[:8] = discriminator("AmmConfig")
        put(
            data,
            12,
            "3Q",
            self.trade_fee_rate,
            self.protocol_fee_rate,
            self.fund_fee_rate,
        )
        put(data, 108, "Q", self.creator_fee_rate)
        return bytes(data)

    def accounts(self) -> dict[Pubkey, Account | None]:
        token0, token1 = self.tokens
        return {
            self.address: Account(RAYDIUM, 1, self.pool_data()),
            key("cpmm config"): Account(RAYDIUM, 1, self.config_data()),
            key("vault 0"): token_account(
                token0, self.vaults[0], owner=CPMM_AUTHORITY, frozen=self.frozen
            ),
            key("vault 1"): token_account(token1, self.vaults[1], owner=CPMM_AUTHORITY),
            token0.address: token0.account(),
            token1.address: token1.account(),
        }
