"""Instructions of both token programs, under the names of agave's `parse_token.rs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .amounts import token_amount
from .extensions import EXTENSION_NAMES
from .names import named, signed_by
from .reader import NotParsable, Reader, decoded
from .token_fees import parse_transfer_fee

AUTHORITIES = (
    "mintTokens",
    "freezeAccount",
    "accountOwner",
    "closeAccount",
    "transferFeeConfig",
    "withheldWithdraw",
    "closeMint",
    "interestRate",
    "permanentDelegate",
    "confidentialTransferMint",
    "transferHookProgramId",
    "confidentialTransferFeeConfig",
    "metadataPointer",
    "groupPointer",
    "groupMemberPointer",
    "scaledUiAmount",
    "pause",
)
OF_AN_ACCOUNT = ("accountOwner", "closeAccount")

# By tag: type, names of the accounts, and the name of the authority behind them.
MOVES = {
    3: ("transfer", "source destination", "authority"),
    4: ("approve", "source delegate", "owner"),
    7: ("mintTo", "mint account", "mintAuthority"),
    8: ("burn", "account mint", "authority"),
}
CHECKED_MOVES = {
    12: ("transferChecked", "source mint destination", "authority"),
    13: ("approveChecked", "source mint delegate", "owner"),
    14: ("mintToChecked", "mint account", "mintAuthority"),
    15: ("burnChecked", "account mint", "authority"),
}
PLAIN = {
    5: ("revoke", "source", "owner"),
    9: ("closeAccount", "account destination", "owner"),
    10: ("freezeAccount", "account mint", "freezeAuthority"),
    11: ("thawAccount", "account mint", "freezeAuthority"),
    38: ("withdrawExcessLamports", "source destination", "authority"),
}
WITHOUT_AUTHORITY = {
    1: ("initializeAccount", "account mint owner rentSysvar"),
    17: ("syncNative", "account"),
    22: ("initializeImmutableOwner", "account"),
    31: ("createNativeMint", "payer nativeMint systemProgram"),
    32: ("initializeNonTransferableMint", "mint"),
}


def parse_token(accounts: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]]:
    """Return type and info; NotParsable when the instruction is malformed."""
    reader = Reader(data)
    tag = reader.u8()
    if tag in MOVES:
        kind, names, authority = MOVES[tag]
        return kind, {
            **signed_by(accounts, names, authority),
            "amount": str(reader.u64()),
        }
    if tag in CHECKED_MOVES:
        kind, names, authority = CHECKED_MOVES[tag]
        amount = token_amount(reader.u64(), reader.u8())
        return kind, {**signed_by(accounts, names, authority), "tokenAmount": amount}
    if tag in PLAIN:
        kind, names, authority = PLAIN[tag]
        return kind, signed_by(accounts, names, authority)
    if tag in WITHOUT_AUTHORITY:
        kind, names = WITHOUT_AUTHORITY[tag]
        return kind, named(accounts, names)
    if tag == 26:
        return parse_transfer_fee(accounts, reader)
    return _parse_other(tag, accounts, reader)


def _parse_other(
    tag: int, accounts: Sequence[str], reader: Reader
) -> tuple[str, dict[str, Any]]:
    match tag:
        case 0:
            return "initializeMint", _new_mint(accounts, "mint rentSysvar", reader)
        case 20:
            return "initializeMint2", _new_mint(accounts, "mint", reader)
        case 2:
            return "initializeMultisig", _multisig(accounts, reader, with_rent=True)
        case 19:
            return "initializeMultisig2", _multisig(accounts, reader, with_rent=False)
        case 6:
            return "setAuthority", _set_authority(accounts, reader)
        case 16 | 18:
            rent = " rentSysvar" if tag == 16 else ""
            info: dict[str, Any] = named(accounts, f"account mint{rent}")
            info["owner"] = reader.pubkey()
            return f"initializeAccount{2 if tag == 16 else 3}", info
        case 21:
            return "getAccountDataSize", _account_data_size(accounts, reader)
        case 23:
            info = named(accounts, "mint")
            return "amountToUiAmount", {**info, "amount": str(reader.u64())}
        case 24:
            info = named(accounts, "mint")
            amount = decoded(reader.take(reader.left))
            return "uiAmountToAmount", {**info, "uiAmount": amount}
        case 25:
            info = named(accounts, "mint")
            info["newAuthority"] = reader.optional_pubkey(1)
            return "initializeMintCloseAuthority", info
    raise NotParsable


def _new_mint(accounts: Sequence[str], names: str, reader: Reader) -> dict[str, Any]:
    info: dict[str, Any] = named(accounts, names)
    info |= {"decimals": reader.u8(), "mintAuthority": reader.pubkey()}
    freeze = reader.optional_pubkey(1)
    return info if freeze is None else {**info, "freezeAuthority": freeze}


def _multisig(
    accounts: Sequence[str], reader: Reader, *, with_rent: bool
) -> dict[str, Any]:
    names = "multisig rentSysvar" if with_rent else "multisig"
    first_signer = len(names.split())
    if len(accounts) <= first_signer:
        raise NotParsable
    signers = list(accounts[first_signer:])
    return {**named(accounts, names), "signers": signers, "m": reader.u8()}


def _set_authority(accounts: Sequence[str], reader: Reader) -> dict[str, Any]:
    kind = reader.u8()
    if kind >= len(AUTHORITIES):
        raise NotParsable
    authority = AUTHORITIES[kind]
    owned = "account" if authority in OF_AN_ACCOUNT else "mint"
    return {
        **signed_by(accounts, owned, "authority"),
        "authorityType": authority,
        "newAuthority": reader.optional_pubkey(1),
    }


def _account_data_size(accounts: Sequence[str], reader: Reader) -> dict[str, Any]:
    info: dict[str, Any] = named(accounts, "mint")
    kinds = [reader.u16() for _ in range(reader.left // 2)]
    if any(kind not in EXTENSION_NAMES for kind in kinds):
        raise NotParsable
    if kinds:
        info["extensionTypes"] = [EXTENSION_NAMES[kind] for kind in kinds]
    return info
