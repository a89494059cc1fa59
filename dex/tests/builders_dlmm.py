"""Account bytes for tests: DLMM pairs with their bin arrays and bitmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_2022_PROGRAM
from dex.types import Account

from .builders import Token, discriminator, key, put, token_account

METEORA = Pubkey.from_string("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")
ONE_Q64 = 1 << 64


@dataclass(frozen=True)
class BinAmounts:
    """What one bin of a DLMM pair holds; the price is Y per X in Q64.64."""

    x: int = 0
    y: int = 0
    price: int = ONE_Q64
    liquidity: int = 10**6 << 64
    open_orders: int = 0
    processing_orders: int = 0
    remaining_orders: int = 0
    ask: bool = False


@dataclass
class DlmmPair:
    """A Meteora DLMM pair; tuples are for X and Y. Its fee is zero unless set."""

    bins: Mapping[int, BinAmounts]
    active_id: int = 0
    bin_step: int = 10
    base_factor: int = 0
    base_fee_power: int = 0
    filter_period: int = 30
    decay_period: int = 600
    reduction_factor: int = 5_000
    variable_fee_control: int = 0
    max_volatility_accumulator: int = 350_000
    protocol_share: int = 0
    function_type: int = 1
    collect_fee_mode: int = 0
    volatility_accumulator: int = 0
    volatility_reference: int = 0
    index_reference: int = 0
    last_update: int = 0
    pair_type: int = 0
    status: int = 0
    activation_type: int = 0
    activation_point: int = 0
    has_extension: bool = False
    reward_mint: Pubkey | None = None
    reserves: tuple[int, int] = (10**18, 10**18)
    frozen: bool = False
    tokens: tuple[Token, Token] = (Token(key("token x")), Token(key("token y")))
    address: Pubkey = field(default_factory=lambda: key("dlmm pair"))

    def array_indices(self) -> list[int]:
        return sorted({bin_id // 70 for bin_id in self.bins})

    def pair_data(self) -> bytes:
        data = bytearray(904)
        data[:8] = discriminator("LbPair")
        put(
            data,
            8,
            "4H",
            self.base_factor,
            self.filter_period,
            self.decay_period,
            self.reduction_factor,
        )
        put(data, 16, "2I", self.variable_fee_control, self.max_volatility_accumulator)
        put(
            data,
            32,
            "HBBB",
            self.protocol_share,
            self.base_fee_power,
            self.function_type,
            self.collect_fee_mode,
        )
        put(
            data,
            40,
            "2Ii",
            self.volatility_accumulator,
            self.volatility_reference,
            self.index_reference,
        )
        put(data, 56, "q", self.last_update)
        put(
            data, 75, "BiHB", self.pair_type, self.active_id, self.bin_step, self.status
        )
        put(data, 86, "B", self.activation_type)
        names = (
            *(token.address for token in self.tokens),
            key("reserve x"),
            key("reserve y"),
        )
        for index, address in enumerate(names):
            data[88 + 32 * index : 120 + 32 * index] = bytes(address)
        data[264:296] = bytes(self.reward_mint or bytes(32))
        data[552:584] = bytes(key("oracle"))
        internal = sum(1 << (i + 512) for i in self.array_indices() if -512 <= i <= 511)
        data[584:712] = internal.to_bytes(128, "little")
        put(data, 816, "Q", self.activation_point)
        put(
            data,
            880,
            "BB",
            *(token.program == TOKEN_2022_PROGRAM for token in self.tokens),
        )
        return bytes(data)

    def array_data(self, index: int) -> bytes:
        data = bytearray(10_136)
        data[:8] = discriminator("BinArray")
        put(data, 8, "qB", index, 2)
        data[24:56] = bytes(self.address)
        for bin_id, amounts in self.bins.items():
            if bin_id // 70 != index:
                continue
            at = 56 + 144 * (bin_id - index * 70)
            put(data, at, "2Q", amounts.x, amounts.y)
            data[at + 16 : at + 32] = amounts.price.to_bytes(16, "little")
            data[at + 32 : at + 48] = amounts.liquidity.to_bytes(16, "little")
            put(
                data,
                at + 112,
                "3Q",
                amounts.open_orders,
                amounts.processing_orders,
                amounts.remaining_orders,
            )
            put(data, at + 140, "B", amounts.ask)
        return bytes(data)

    def arrays(self) -> dict[Pubkey, bytes]:
        return {self.array_address(i): self.array_data(i) for i in self.array_indices()}

    def extension_data(self) -> bytes:
        data = bytearray(1_576)
        data[:8] = discriminator("BinArrayBitmapExtension")
        data[8:40] = bytes(self.address)
        positive = sum(1 << (i - 512) for i in self.array_indices() if i > 511)
        negative = sum(1 << (-513 - i) for i in self.array_indices() if i < -512)
        data[40:808] = positive.to_bytes(768, "little")
        data[808:1576] = negative.to_bytes(768, "little")
        return bytes(data)

    def extension_address(self) -> Pubkey:
        return Pubkey.find_program_address([b"bitmap", bytes(self.address)], METEORA)[0]

    def array_address(self, index: int) -> Pubkey:
        seeds = [
            b"bin_array",
            bytes(self.address),
            index.to_bytes(8, "little", signed=True),
        ]
        return Pubkey.find_program_address(seeds, METEORA)[0]

    def accounts(self) -> dict[Pubkey, Account | None]:
        token_x, token_y = self.tokens
        extension = (
            Account(METEORA, 1, self.extension_data()) if self.has_extension else None
        )
        return {
            self.address: Account(METEORA, 1, self.pair_data()),
            key("reserve x"): token_account(
                token_x, self.reserves[0], owner=self.address, frozen=self.frozen
            ),
            key("reserve y"): token_account(
                token_y, self.reserves[1], owner=self.address
            ),
            token_x.address: token_x.account(),
            token_y.address: token_y.account(),
            self.extension_address(): extension,
            **{
                self.array_address(index): Account(METEORA, 1, self.array_data(index))
                for index in self.array_indices()
            },
        }
