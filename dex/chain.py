"""The Chain row: which chain this database belongs to."""

from __future__ import annotations

from django.db import IntegrityError

from .errors import WrongChain
from .models import Chain


def known_chain() -> Chain | None:
    """Return the row, or None when this database has not met a chain yet."""
    return Chain.objects.filter(id=1).first()


def meet_chain(
    *,
    genesis_hash: str,
    is_localnet: bool,
    wallet: str,
    newest_signature: str,
    newest_slot: int = 0,
) -> Chain:
    """Bind this database to the chain it first meets, or check that it is the same.

    Raises WrongChain, naming both and the way out.
    """
    chain = known_chain()
    if chain is None:
        try:
            chain = Chain.objects.create(
                id=1,
                genesis_hash=genesis_hash,
                is_localnet=is_localnet,
                wallet=wallet,
                baseline_signature=newest_signature,
                baseline_slot=newest_slot,
            )
        except IntegrityError:  # another process met it first
            chain = Chain.objects.get(id=1)
    check_genesis(chain, genesis_hash)
    return chain


def check_genesis(chain: Chain, genesis_hash: str) -> None:
    """Raise WrongChain unless `genesis_hash` is the one this database belongs to."""
    if chain.genesis_hash != genesis_hash:
        raise wrong_chain(chain.genesis_hash, genesis_hash)


def wrong_chain(
    expected: str, served: str, *, endpoint: str = "the endpoint"
) -> WrongChain:
    """Make the error that names both chains, by genesis hash, and the way out."""
    return WrongChain(
        f"This database belongs to the chain with genesis hash {expected}, but "
        f"{endpoint} serves {served}. Use another DATABASE_URL for the other chain; on "
        "the embedded default, remove the folder var/ to start afresh."
    )
