"""What is stored of an attempt: as it was signed, and as the chain decided it."""

from __future__ import annotations

from dex.types import Fill, LandedWithError, SignedTransaction
from orders.models import AttemptState, Order
from orders.moves import AttemptClosing, AttemptOpening

from .build import Plan
from .failures import Failure


def signed(order: Order, plan: Plan, transaction: SignedTransaction) -> AttemptOpening:
    """The attempt that begins with a signed transaction."""
    return AttemptOpening(
        number=order.attempt,
        venue=plan.quote.venue,
        pool=str(plan.quote.pool),
        vault_in=str(plan.quote.vault_in),
        vault_out=str(plan.quote.vault_out),
        signature=transaction.signature,
        raw_transaction=transaction.raw,
        blockhash=transaction.blockhash,
        last_valid_block_height=transaction.last_valid_block_height,
        quoted_amount_out=plan.expected,
        min_amount_out=plan.floor,
    )


def landed(fill: Fill) -> AttemptClosing:
    """The end of an attempt whose swap was made."""
    return AttemptClosing(AttemptState.LANDED, fill.slot, fill.fee_lamports)


def errored(
    outcome: LandedWithError, fee_lamports: int | None
) -> tuple[Failure, AttemptClosing]:
    """The end of an attempt that a program refused on chain: it cost its fee alone."""
    code, message = outcome.error_code, outcome.error
    origin = (outcome.program, outcome.name)
    return (
        Failure(code, message, outcome.retryable, *origin),
        AttemptClosing(
            AttemptState.ERRORED, outcome.slot, fee_lamports, code, message, *origin
        ),
    )


def expired() -> tuple[Failure, AttemptClosing]:
    """The end of an attempt that is proved never to land."""
    failure = Failure(
        "blockhash_expired",
        "The transaction did not land before its blockhash expired, and never will. "
        "Place the order again.",
        retryable=True,
    )
    closing = AttemptClosing(
        AttemptState.EXPIRED, error_code=failure.code, error=failure.message
    )
    return failure, closing
