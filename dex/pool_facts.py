"""What the chain says of a pool that an operator wants to allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey

from .errors import DexError, QuoteRefused
from .solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT
from .solana.decoding import context_slot, decode_account
from .solana.endpoint import Endpoint
from .solana.market import Market
from .solana.rpc import RpcClient
from .token_names import TokenName, metaplex_address, read_name
from .types import Account, Snapshot
from .venues.base import Venue

WRAPPED_SOL_DECIMALS = 9
# The trial swaps grow until something comes out of them.
LARGEST_TRIAL = 10**18
# Reasons that may pass: a pool that waits, is switched off or is empty.
PASSING = {"pool_disabled", "pool_not_open", "no_liquidity", "zero_output"}


class PoolRefused(DexError):
    """The pool cannot be allowed; the message says why and what to do."""

    code = "pool_refused"


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A mint as the chain has it. `named` is None when nothing readable names it."""

    mint: Pubkey
    token_program: Pubkey
    decimals: int
    named: TokenName | None


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """A pool that its venue can read.

    `refusals` says per mint why a small swap of it is refused now, "" when it is not.
    """

    address: Pubkey
    venue: str
    tokens: tuple[TokenFacts, TokenFacts]
    refusals: Mapping[Pubkey, str]

    @property
    def can_swap(self) -> bool:
        return not all(self.refusals.values())


async def read_pool_facts(
    rpc: RpcClient, venues: Mapping[str, Venue], address: Pubkey
) -> PoolFacts:
    """Read a pool with its vaults and mints, and try a small swap each way.

    Raises PoolRefused when it is no pool of a known venue, or one that must not be
    traded; RpcUnavailable, RpcRejected, WrongChain.
    """
    venue = _venue_of(address, await _account(rpc, address), venues)
    market = Market(rpc, venues, slot_time_s=0)
    try:
        snapshot = await market.snapshot([(venue.name, address)])
        mints = venue.mints(address, snapshot.accounts)
        names = [metaplex_address(mint) for mint in mints]
        snapshot = await market.snapshot(
            [(venue.name, address)], extra=[*names, *mints]
        )
        first, second = (_token(snapshot, mint) for mint in mints)
        refusals = {mint: _trial(venue, address, snapshot, mint) for mint in mints}
    except QuoteRefused as refusal:
        raise PoolRefused(f"The pool cannot be allowed: {refusal.reason}") from None
    finally:
        await market.close()
    return PoolFacts(address, venue.name, (first, second), refusals)


async def _account(rpc: RpcClient, address: Pubkey) -> Account | None:
    options = {"encoding": "base64", "commitment": "confirmed"}

    async def ask(endpoint: Endpoint) -> tuple[int, Account | None]:
        answer = await endpoint.call("getAccountInfo", [str(address), options])
        return context_slot(answer), decode_account(answer.get("value"))

    return await rpc.freshest(ask)


def _venue_of(
    address: Pubkey, account: Account | None, venues: Mapping[str, Venue]
) -> Venue:
    if account is None:
        raise PoolRefused(
            f"There is no account {address} on this chain. Check the address, and that "
            "SOLANA_RPC_URLS names the chain you mean."
        )
    for venue in venues.values():
        if venue.program_id == account.owner:
            return venue
    known = ", ".join(f"{name} ({v.program_id})" for name, v in venues.items())
    raise PoolRefused(
        f"The account {address} belongs to {account.owner}. Pools can be of {known}."
    )


def _token(snapshot: Snapshot, mint: Pubkey) -> TokenFacts:
    """Read a mint; a quote checks that it is one, and that it is safe."""
    account = snapshot.accounts.get(mint)
    if mint == WRAPPED_SOL_MINT:
        account = account or Account(TOKEN_PROGRAM, 0, b"")
        named = read_name(mint, account, None)
        return TokenFacts(mint, TOKEN_PROGRAM, WRAPPED_SOL_DECIMALS, named)
    if account is None or len(account.data) < 82:
        raise QuoteRefused("pool_unreadable", f"{mint} is not a mint.")
    metaplex = snapshot.accounts.get(metaplex_address(mint))
    named = read_name(mint, account, metaplex)
    return TokenFacts(mint, account.owner, account.data[44], named)


def _trial(venue: Venue, pool: Pubkey, snapshot: Snapshot, mint: Pubkey) -> str:
    """Quote ever larger amounts until one pays; return why none does, "" when one does.

    Raises QuoteRefused for a reason that does not pass.
    """
    amount, reason = 1, ""
    while amount <= LARGEST_TRIAL:
        try:
            venue.quote(pool, snapshot, mint, amount)
        except QuoteRefused as refusal:
            if refusal.code not in PASSING:
                raise
            reason = refusal.reason
            if refusal.code != "zero_output":
                break
        else:
            return ""
        amount *= 10
    return reason
