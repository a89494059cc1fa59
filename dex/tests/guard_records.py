"""The chain that tests of guards and halts are about, and what was recorded of changes."""

from __future__ import annotations

from dex.chain import meet_chain
from dex.models import Chain, GuardChange


def meet_test_chain() -> Chain:
    return meet_chain(
        genesis_hash="GenesisA",
        is_localnet=True,
        wallet="WalletA",
        newest_signature="sig1",
    )


def changes() -> list[tuple[str, ...]]:
    """Return who changed which guard of what, from what to what, and why, in order."""
    columns = ("changed_by", "rule", "subject", "old", "new", "reason")
    return list(GuardChange.objects.order_by("id").values_list(*columns))
