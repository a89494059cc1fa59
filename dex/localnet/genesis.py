"""The first accounts of every ledger: tokens, pools of both venues, programs.

Mints and pools have the same addresses in every ledger. Their bytes and addresses are
those that the real programs would have made, so the same accounts run on them too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from dex.solana.addresses import SYSTEM_PROGRAM, TOKEN_PROGRAM, WRAPPED_SOL_MINT
from dex.types import Account

from . import genesis_meteora, genesis_raydium
from .programs import BPF_LOADER, NATIVE_LOADER, PROGRAMS
from .programs import token_layout as layout
from .programs.invocation import NATIVE_PROGRAMS, rent_exempt_minimum


def fixed_address(name: str) -> Pubkey:
    """Return an address that is the same in every ledger and that nobody can sign for."""
    return Pubkey(hashlib.sha256(f"localnet {name}".encode()).digest())


# Pays airdrops and mints every token. Its key is public: it guards nothing.
FAUCET = Keypair.from_seed(hashlib.sha256(b"localnet faucet").digest())


@dataclass(frozen=True, slots=True)
class GenesisToken:
    symbol: str
    name: str
    decimals: int

    @property
    def mint(self) -> Pubkey:
        if self.symbol == "SOL":
            return WRAPPED_SOL_MINT
        return fixed_address(f"mint {self.symbol}")

    def units(self, whole: int) -> int:
        return int(whole * 10**self.decimals)


TOKENS = {
    token.symbol: token
    for token in (
        GenesisToken("SOL", "Wrapped SOL", 9),
        GenesisToken("USDC", "USD Coin", 6),
        GenesisToken("RAY", "Raydium", 6),
        GenesisToken("MET", "Meteora", 6),
        GenesisToken("A", "Token A", 9),
        GenesisToken("B", "Token B", 6),
    )
}


@dataclass(frozen=True, slots=True)
class GenesisPair:
    """Two tokens with a pool on each venue. Prices are quote per 10,000 base."""

    base: str
    quote: str
    raydium_price: int
    meteora_price: int
    raydium_depth: int  # whole base tokens; the quote side is worth the same
    meteora_depth: int
    bin_step: int


# Raydium's price is the better one to sell A, MET and (in small orders) RAY for SOL;
# Meteora's to sell SOL and RAY for USDC. Buying, it is the other way round.
PAIRS = (
    GenesisPair("SOL", "USDC", 1_500_000, 1_530_000, 100_000, 100_000, 10),
    GenesisPair("A", "B", 20_300, 19_800, 10_000_000, 10_000_000, 10),
    GenesisPair("RAY", "SOL", 168, 166, 1_000_000, 20_000_000, 20),
    GenesisPair("RAY", "USDC", 24_600, 25_100, 10_000_000, 10_000_000, 20),
    GenesisPair("MET", "USDC", 5_100, 4_980, 30_000_000, 30_000_000, 25),
)


@dataclass(frozen=True, slots=True)
class GenesisPool:
    address: Pubkey
    venue: str
    base: GenesisToken
    quote: GenesisToken
    base_vault: Pubkey
    base_depth: int  # base units that its vaults hold at genesis
    quote_depth: int
    accounts: tuple[tuple[Pubkey, Account], ...]

    @property
    def state(self) -> bytes:
        """Return the pool's own account at genesis."""
        return self.accounts[0][1].data


@cache
def pools() -> tuple[GenesisPool, ...]:
    """Return every pool with its accounts as they are at genesis."""
    return tuple(pool for pair in PAIRS for pool in _pools_of(pair))


def accounts() -> Iterator[tuple[Pubkey, Account]]:
    """Iterate over every account a new ledger begins with."""
    for program in PROGRAMS:
        loader = NATIVE_LOADER if program in NATIVE_PROGRAMS else BPF_LOADER
        yield program, with_rent(loader, b"localnet")
    yield from genesis_raydium.shared_accounts()
    supplies = dict.fromkeys(TOKENS, 0)
    for pool in pools():
        yield from pool.accounts
        for _, account in pool.accounts:
            for token in (pool.base, pool.quote):
                if _holds(account, token.mint):
                    supplies[token.symbol] += layout.amount_of(account.data)
    for token in TOKENS.values():
        native = token.mint == WRAPPED_SOL_MINT
        yield (
            token.mint,
            with_rent(
                TOKEN_PROGRAM,
                layout.new_mint(
                    decimals=token.decimals,
                    supply=0 if native else supplies[token.symbol],
                    authority=None if native else FAUCET.pubkey(),
                ),
            ),
        )
    yield FAUCET.pubkey(), Account(SYSTEM_PROGRAM, 10**18, b"")


def with_rent(owner: Pubkey, data: bytes, lamports: int = 0) -> Account:
    """Return an account that holds its rent and `lamports` more."""
    return Account(owner, rent_exempt_minimum(len(data)) + lamports, data)


def token_account(mint: Pubkey, owner: Pubkey, amount: int) -> Account:
    """Return a funded token account; wrapped SOL also holds its lamports."""
    if mint != WRAPPED_SOL_MINT:
        data = layout.new_token_account(mint, owner, amount)
        return with_rent(TOKEN_PROGRAM, data)
    reserve = rent_exempt_minimum(layout.ACCOUNT_SIZE)
    data = layout.new_token_account(mint, owner, amount, native_reserve=reserve)
    return with_rent(TOKEN_PROGRAM, data, amount)


def _holds(account: Account, mint: Pubkey) -> bool:
    return layout.is_token_account(account.data) and (
        account.owner == TOKEN_PROGRAM and layout.mint_of(account.data) == mint
    )


def _pools_of(pair: GenesisPair) -> Iterator[GenesisPool]:
    base, quote = TOKENS[pair.base], TOKENS[pair.quote]
    for venue, price, depth in (
        ("raydium", pair.raydium_price, pair.raydium_depth),
        ("meteora", pair.meteora_price, pair.meteora_depth),
    ):
        amount_base = base.units(depth)
        amount_quote = quote.units(depth * price) // 10_000
        if venue == "raydium":
            address, made = genesis_raydium.pool(
                {base.mint: amount_base, quote.mint: amount_quote},
                {base.mint: base.decimals, quote.mint: quote.decimals},
                token_account,
            )
        else:
            address, made = genesis_meteora.pool(
                base.mint,
                quote.mint,
                amount_base,
                amount_quote,
                bin_step=pair.bin_step,
                new_vault=token_account,
            )
        vaults = {
            layout.mint_of(account.data): (key, layout.amount_of(account.data))
            for key, account in made
            if account.owner == TOKEN_PROGRAM and layout.is_token_account(account.data)
        }
        yield GenesisPool(
            address,
            venue,
            base,
            quote,
            base_vault=vaults[base.mint][0],
            base_depth=vaults[base.mint][1],
            quote_depth=vaults[quote.mint][1],
            accounts=tuple(made),
        )
