"""Others who trade: small seeded swaps that move prices, and that lead them back.

Each pool's price wanders around its genesis price. The further away it is, the larger and
the likelier the next swap towards it, so that no pool drains, whatever the users do.
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable, Sequence

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from dex.errors import QuoteRefused
from dex.solana.addresses import MEMO_PROGRAM
from dex.types import Account, Quote, Snapshot
from dex.venues.base import Venue
from dex.venues.meteora import MeteoraDlmm
from dex.venues.raydium import RaydiumCpmm

from .genesis import GenesisPool, pools
from .ledger import STATUS_CACHE_SLOTS, Ledger
from .runtime import load

logger = logging.getLogger(__name__)

VENUES: dict[str, Venue] = {"raydium": RaydiumCpmm(), "meteora": MeteoraDlmm()}
PPM = 1_000_000
# A swap of noise is worth at most this share of the pool's depth.
NOISE_PPM = 300
# Of its distance to the genesis price, a pool makes up at most this share in one swap.
REVERSION_PPM = 250_000
# Older trades of the market are deleted: at 6 kB each they would fill the disk.
KEPT_TRADES = 1_000


def pool_accounts(
    venue: Venue, pool: Pubkey, read: Callable[[Pubkey], Account | None]
) -> dict[Pubkey, Account | None]:
    """Read every account that a quote of `pool` needs, one after another by `read`."""
    accounts: dict[Pubkey, Account | None] = {}
    while True:
        missing = [a for a in venue.addresses(pool, accounts) if a not in accounts]
        if not missing:
            return accounts
        accounts.update((address, read(address)) for address in missing)


def read_snapshot(ledger: Ledger, venue: Venue, pool: Pubkey) -> Snapshot:
    """Read every account that a quote of `pool` needs, as of now."""
    slot = ledger.clock.slot()
    accounts = pool_accounts(venue, pool, ledger.account)
    return Snapshot(slot, ledger.clock.sysvar(slot), accounts)


def sign_transaction(
    ledger: Ledger, wallet: Keypair, instructions: Sequence[Instruction], memo: str = ""
) -> bytes:
    """Return a signed transaction with the newest blockhash."""
    extra = [Instruction(MEMO_PROGRAM, memo.encode(), [])] if memo else []
    blockhash = ledger.clock.blockhash(ledger.clock.slot())
    message = MessageV0.try_compile(
        wallet.pubkey(), [*instructions, *extra], [], blockhash
    )
    return bytes(VersionedTransaction(message, [wallet]))


class Market:
    """One wallet of its own that trades in every pool, repeatable by its seed."""

    wallet = Keypair.from_seed(hashlib.sha256(b"localnet market").digest())

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self._ledger = ledger
        self._rng = random.Random(seed)
        self._count = 0

    def trade(self) -> None:
        """Make one swap in a pool drawn at random; nothing if the pool refuses."""
        pool = self._rng.choice(pools())
        mint_in, amount = self._decide(pool)
        venue = VENUES[pool.venue]
        snapshot = read_snapshot(self._ledger, venue, pool.address)
        try:
            quote = venue.quote(pool.address, snapshot, mint_in, amount)
        except QuoteRefused as refusal:
            logger.debug("market: %s refuses: %s", pool.address, refusal)
            return
        self._swap(venue, snapshot, quote)

    def _decide(self, pool: GenesisPool) -> tuple[Pubkey, int]:
        """Choose a direction and an amount in base units."""
        drift = self.drift_ppm(pool)
        sells_base = self._rng.randrange(2) == 0
        size_ppm = self._rng.randrange(1, NOISE_PPM)
        # The pool has gained or lost base: most of the time, lead it back.
        back_ppm = abs(drift) * self._rng.randrange(REVERSION_PPM) // PPM
        if back_ppm > size_ppm:
            sells_base = drift < 0
            size_ppm = back_ppm
        token = pool.base if sells_base else pool.quote
        depth = pool.base_depth if sells_base else pool.quote_depth
        return token.mint, max(1, depth * size_ppm // PPM)

    def drift_ppm(self, pool: GenesisPool) -> int:
        """Return how much more base the pool's vault holds than at genesis, in ppm."""
        vault = self._ledger.account(pool.base_vault)
        assert vault is not None, "genesis vaults are never closed"
        held = int.from_bytes(vault.data[64:72], "little")
        return (held - pool.base_depth) * PPM // pool.base_depth

    def _swap(self, venue: Venue, snapshot: Snapshot, quote: Quote) -> None:
        self._count += 1
        instruction = venue.swap_instruction(
            quote, snapshot, user=self.wallet.pubkey(), min_amount_out=1
        )
        raw = sign_transaction(
            self._ledger, self.wallet, [instruction], f"market:{self._count}"
        )
        self._ledger.land(raw, load(raw))
        # What nodes still know the status of could land twice if it was forgotten.
        self._ledger.store.history.forget(
            self.wallet.pubkey(),
            keep=KEPT_TRADES,
            before_slot=self._ledger.clock.slot() - STATUS_CACHE_SLOTS,
        )
