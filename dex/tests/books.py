"""What all accounts hold, beside what their mints have issued."""

from __future__ import annotations

from dex.localnet import genesis
from dex.localnet.ledger import Ledger
from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.solana.addresses import TOKEN_PROGRAM, WRAPPED_SOL_MINT

COMMITMENTS = ("processed", "confirmed", "finalized")


def surplus(ledger: Ledger, slot: int) -> dict[str, int]:
    """Return by symbol what accounts hold beyond the supply as of `slot`, in base units.

    Tokens whose books agree are left out. Wrapped SOL is compared with its lamports.
    """
    rent = rent_exempt_minimum(layout.ACCOUNT_SIZE)
    found = dict.fromkeys((token.mint for token in genesis.TOKENS.values()), 0)
    for address, account in ledger.bank.owned_by(TOKEN_PROGRAM, slot):
        if layout.is_token_account(account.data):
            mint, amount = layout.mint_of(account.data), layout.amount_of(account.data)
            if mint == WRAPPED_SOL_MINT:
                amount -= account.lamports - rent
        elif layout.is_mint(account.data):
            mint = address
            amount = -int.from_bytes(account.data[36:44], "little")
        else:
            continue
        if mint in found:  # nobody holds the shares of the pools
            found[mint] += amount
    return {
        token.symbol: found[token.mint]
        for token in genesis.TOKENS.values()
        if found[token.mint]
    }
