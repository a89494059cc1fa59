"""The words that cross from the chain to the engine: accounts, snapshots, quotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from solders.pubkey import Pubkey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """One account as a node returned it."""

    owner: Pubkey
    lamports: int
    data: bytes


# None: asked for, and it does not exist. Absent: never asked for.
Accounts = Mapping[Pubkey, Account | None]


@dataclass(frozen=True, slots=True)
class Clock:
    """The Clock sysvar. Pools live by this time, never by the host's."""

    slot: int
    epoch: int
    unix_timestamp: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Accounts that one node returned for one slot, with the Clock of that slot.

    `read_at` is the time on the event loop's monotonic clock at which the reading began.
    The accounts never change, so what was decoded of them is kept in `decoded` for the
    next who asks. A copy made by `replace` begins without.
    """

    slot: int
    clock: Clock
    accounts: Accounts
    read_at: float = 0.0
    decoded: dict[Any, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, key: object, decode: Callable[..., T], *arguments: Any) -> T:
        """Return what `decode` makes of these accounts; it is made once for a key."""
        if key not in self.decoded:
            self.decoded[key] = decode(*arguments)
        found: T = self.decoded[key]
        return found


@dataclass(frozen=True, slots=True)
class Quote:
    """One venue's exact answer for one pool and one amount.

    Amounts are base units. `amount_in` leaves the wallet and `vault_in_delta` of it
    arrives in the pool's vault; `vault_out_delta` leaves the pool's vault and
    `amount_out` of it arrives in the wallet. They differ only by the transfer fees of
    Token-2022 mints.
    """

    venue: str
    pool: Pubkey
    mint_in: Pubkey
    mint_out: Pubkey
    token_program_in: Pubkey
    token_program_out: Pubkey
    vault_in: Pubkey
    vault_out: Pubkey
    amount_in: int
    amount_out: int
    vault_in_delta: int
    vault_out_delta: int
    fee_amount: int
    fee_mint: Pubkey
    fee_bps: int
    price_impact_bps: int
    slot: int
    # Accounts that only this venue's swap instruction needs (the bin arrays of DLMM).
    route_accounts: tuple[Pubkey, ...] = ()
    # About what the swap instruction uses, its token transfers included.
    compute_units: int = 0


@dataclass(frozen=True, slots=True)
class NetworkCosts:
    """What landing a swap costs beside what the pool takes.

    `rent_lamports` are locked in the token account that must be created to receive, 0
    when it exists, None when it is not known. `in_output` is all of it in base units of
    the output token, None when the snapshot has no price of SOL.
    """

    fee_lamports: int
    rent_lamports: int | None
    in_output: int | None

    @property
    def lamports(self) -> int:
        return self.fee_lamports + (self.rent_lamports or 0)


@dataclass(frozen=True, slots=True)
class VenueAnswer:
    """What one venue said of one pool: a quote, a refusal with its reason, or both.

    `quote` is what is expected once `pending_swaps` of this engine have landed in the
    pool, and `raw_quote` what the pool's accounts as they were read would pay.
    """

    venue: str
    pool: Pubkey | None
    quote: Quote | None
    code: str = ""
    reason: str = ""
    raw_quote: Quote | None = None
    pending_swaps: int = 0
    costs: NetworkCosts | None = None

    @property
    def net_amount_out(self) -> int | None:
        """What is left of the output after the network's costs; None when not known."""
        if self.quote is None or self.costs is None or self.costs.in_output is None:
            return None
        return self.quote.amount_out - self.costs.in_output


@dataclass(frozen=True, slots=True)
class Route:
    """The chosen quote and every answer it was chosen from, best first.

    `best` is what is expected, `raw` what the accounts as they were read would pay. They
    differ only where swaps of this engine are under way in the pool.
    """

    best: Quote
    raw: Quote
    answers: tuple[VenueAnswer, ...]

    def floor(self, slippage_bps: int) -> int:
        """Return the least output, in base units, that an order with this slippage takes.

        The slippage is taken off the first quote, rounded down, to one unit at least. The
        lower of the expected and the raw quote counts: a swap the other way that is
        expected may never land, and must not make this one fail.
        """
        quoted = min(self.best.amount_out, self.raw.amount_out)
        return max(quoted * (10_000 - slippage_bps) // 10_000, 1)


@dataclass(frozen=True, slots=True)
class Blockhash:
    """A recent blockhash and the last block height at which it can still land.

    `read_at` is the time on the event loop's monotonic clock at which it was asked for.
    """

    blockhash: str
    last_valid_block_height: int
    slot: int
    read_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction: these bytes, and no others, may be sent for its attempt."""

    signature: str
    raw: bytes
    blockhash: str
    last_valid_block_height: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The dry run of an unsigned transaction at `slot`.

    `error_code` is "" when it would succeed. `token_amounts` holds the token balance
    after the run of every token account that was asked for, in base units. `program`
    names what failed and `name` is its own name of the error; "" when unknown. `seen` are
    the accounts of the pool as the same node showed them in the same request, None where
    it did not.
    """

    slot: int
    error_code: str
    error: str
    retryable: bool
    units_consumed: int
    token_amounts: Mapping[Pubkey, int]
    logs: tuple[str, ...]
    program: str = ""
    name: str = ""
    seen: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """The transaction is on chain and succeeded, at commitment confirmed or better."""

    slot: int


@dataclass(frozen=True, slots=True)
class LandedWithError:
    """The transaction is on chain and failed, at commitment confirmed or better.

    The network fee is paid, nothing was swapped, and it cannot land again. `program`
    names what failed and `name` is its own name of the error; "" when unknown.
    """

    slot: int
    error_code: str
    error: str
    retryable: bool
    program: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Expired:
    """Proved by two endpoints: the blockhash is too old and nobody knows the signature."""

    proof: Mapping[str, int]


Outcome = Landed | LandedWithError | Expired


@dataclass(frozen=True, slots=True)
class Fill:
    """What a landed swap really moved, read from the landed transaction. Base units."""

    signature: str
    slot: int
    amount_in: int
    amount_out: int
    fee_lamports: int
    units_consumed: int
