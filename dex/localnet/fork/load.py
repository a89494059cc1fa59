"""Copies of real pools on localnet, from dumps of their accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.pubkey import Pubkey

from dex.localnet import genesis
from dex.token_names import MAX_SYMBOL, metaplex_address, read_name, short_name
from dex.types import Account

from .checks import check_kind, check_same
from .dumps import BadDump, read_dumps
from .missing import Parts
from .pools import ForkedPool, find_pools

# A funded wallet gets this share of what the pools hold of a forked token.
FUNDED_SHARE = 10


@dataclass(frozen=True, slots=True)
class ForkedToken:
    """A token that only forked pools trade. `funding` in base units for each wallet."""

    mint: Pubkey
    token_program: Pubkey
    symbol: str
    name: str
    decimals: int
    funding: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Pools copied from dumps, with their tokens and all their accounts."""

    pools: tuple[ForkedPool, ...] = ()
    tokens: tuple[ForkedToken, ...] = ()
    accounts: tuple[tuple[Pubkey, Account], ...] = ()


def load_fork(paths: Sequence[Path]) -> Fork:
    """Read dumps and complete their pools. Raises BadDump."""
    if not paths:
        return Fork()
    dumps = read_dumps(paths)
    born = dict(genesis.accounts())
    for address, account in dumps.accounts.items():
        check_kind(address, account)
        if address in born:
            check_same(address, account, born[address])
    parts = Parts(dumps, born)
    pools = tuple(find_pools(parts))
    if not pools:
        names = ", ".join(map(str, paths))
        raise BadDump(f"No pool of Raydium CPMM or Meteora DLMM is in {names}.")
    held: dict[Pubkey, int] = {}
    for pool in pools:
        for mint, amount in pool.held.items():
            held[mint] = held.get(mint, 0) + amount
    parts.supplies(held)
    tokens = tuple(_tokens(parts, held, born))
    return Fork(pools, tokens, tuple(parts.accounts.items()))


def _tokens(
    parts: Parts, held: Mapping[Pubkey, int], born: Mapping[Pubkey, Account]
) -> Iterator[ForkedToken]:
    taken = set(genesis.TOKENS)
    for mint, amount in held.items():
        if mint in born:
            continue
        account = parts.require(mint, "mint")
        named = read_name(mint, account, parts.get(metaplex_address(mint)))
        named = named or short_name(mint)
        symbol = named.symbol
        if symbol in taken:  # of localnet's own, or of another forked token
            symbol = f"{symbol[: MAX_SYMBOL - 10]}.{short_name(mint).symbol}"
        taken.add(symbol)
        yield ForkedToken(
            mint=mint,
            token_program=account.owner,
            symbol=symbol,
            name=named.name,
            decimals=account.data[44],
            funding=amount // FUNDED_SHARE,
        )
