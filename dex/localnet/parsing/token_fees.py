"""Transfer fee instructions of Token-2022 (agave: `extension/transfer_fee.rs`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .amounts import token_amount
from .names import named, signed_by
from .reader import NotParsable, Reader

WITHDRAWER = "withdrawWithheldAuthority"
RATER = "transferFeeConfigAuthority"


def parse_transfer_fee(
    accounts: Sequence[str], reader: Reader
) -> tuple[str, dict[str, Any]]:
    """Return type and info; the reader stands behind the tag of the extension."""
    match reader.u8():
        case 0:
            return "initializeTransferFeeConfig", _initialize(accounts, reader)
        case 1:
            amount, decimals, fee = reader.u64(), reader.u8(), reader.u64()
            return "transferCheckedWithFee", {
                **signed_by(accounts, "source mint destination", "authority"),
                "tokenAmount": token_amount(amount, decimals),
                "feeAmount": token_amount(fee, decimals),
            }
        case 2:
            info = signed_by(accounts, "mint feeRecipient", WITHDRAWER)
            return "withdrawWithheldTokensFromMint", info
        case 3:
            return "withdrawWithheldTokensFromAccounts", _withdraw(accounts, reader)
        case 4:
            info = named(accounts, "mint")
            info["sourceAccounts"] = list(accounts[1:])
            return "harvestWithheldTokensToMint", info
        case 5:
            # Without the capital: so it is written by nodes.
            multisig = f"multisig{RATER}"
            info = signed_by(accounts, "mint", RATER, multisig)
            return "setTransferFee", {**info, **_rate(reader)}
    raise NotParsable


def _initialize(accounts: Sequence[str], reader: Reader) -> dict[str, Any]:
    info = named(accounts, "mint")
    for name in (RATER, WITHDRAWER):
        authority = reader.optional_pubkey(1)
        if authority is not None:
            info[name] = authority
    return {**info, **_rate(reader)}


def _rate(reader: Reader) -> dict[str, int]:
    return {"transferFeeBasisPoints": reader.u16(), "maximumFee": reader.u64()}


def _withdraw(accounts: Sequence[str], reader: Reader) -> dict[str, Any]:
    first_source = len(accounts) - reader.u8()
    if first_source < 3:
        raise NotParsable
    return {
        **signed_by(accounts[:first_source], "mint feeRecipient", WITHDRAWER),
        "sourceAccounts": list(accounts[first_source:]),
    }
