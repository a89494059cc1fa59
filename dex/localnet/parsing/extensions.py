"""Token-2022 extensions as nodes show them (agave: `parse_token_extension.rs`).

Layouts: spl-token-2022-interface, `extension/*`. Confidential transfers and amounts that
are shown scaled stay unparsed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from dex.localnet.programs import token_layout as layout

from .reader import NotParsable, Reader

EXTENSION_NAMES = dict(
    enumerate(
        (
            "uninitialized",
            "transferFeeConfig",
            "transferFeeAmount",
            "mintCloseAuthority",
            "confidentialTransferMint",
            "confidentialTransferAccount",
            "defaultAccountState",
            "immutableOwner",
            "memoTransfer",
            "nonTransferable",
            "interestBearingConfig",
            "cpiGuard",
            "permanentDelegate",
            "nonTransferableAccount",
            "transferHook",
            "transferHookAccount",
            "confidentialTransferFeeConfig",
            "confidentialTransferFeeAmount",
            "metadataPointer",
            "tokenMetadata",
            "groupPointer",
            "groupMemberPointer",
            "tokenGroup",
            "tokenGroupMember",
            "confidentialMintBurn",
            "scaledUiAmount",
            "pausable",
            "pausableAccount",
        )
    )
)
UNPARSABLE = {"extension": "unparsableExtension"}
STATES = ("uninitialized", "initialized", "frozen")
WITHOUT_STATE = ("immutableOwner", "nonTransferable", "nonTransferableAccount")


def parse_extensions(data: bytes) -> list[dict[str, Any]]:
    """Return the extensions of a mint or token account in the order they are stored."""
    return [
        _parse(kind, data[offset : offset + length])
        for kind, offset, length in layout.extensions(data)
    ]


def _parse(kind: int, value: bytes) -> dict[str, Any]:
    name = EXTENSION_NAMES.get(kind, "")
    if name in WITHOUT_STATE or name == "pausableAccount":
        return {"extension": name}
    if name not in STATE_READERS:
        return UNPARSABLE
    try:
        state = STATE_READERS[name](Reader(value))
    except NotParsable:
        return UNPARSABLE
    return {"extension": SHOWN_AS.get(name, name), "state": state}


def _transfer_fee_config(reader: Reader) -> dict[str, Any]:
    return {
        "transferFeeConfigAuthority": reader.nonzero_pubkey(),
        "withdrawWithheldAuthority": reader.nonzero_pubkey(),
        "withheldAmount": reader.u64(),
        "olderTransferFee": _transfer_fee(reader),
        "newerTransferFee": _transfer_fee(reader),
    }


def _transfer_fee(reader: Reader) -> dict[str, int]:
    return {
        "epoch": reader.u64(),
        "maximumFee": reader.u64(),
        "transferFeeBasisPoints": reader.u16(),
    }


def _interest_bearing_config(reader: Reader) -> dict[str, Any]:
    return {
        "rateAuthority": reader.nonzero_pubkey(),
        "initializationTimestamp": reader.signed(8),
        "preUpdateAverageRate": reader.signed(2),
        "lastUpdateTimestamp": reader.signed(8),
        "currentRate": reader.signed(2),
    }


def _default_account_state(reader: Reader) -> dict[str, Any]:
    state = reader.u8()
    return {"accountState": STATES[state if state < len(STATES) else 0]}


def _token_metadata(reader: Reader) -> dict[str, Any]:
    state: dict[str, Any] = {
        "updateAuthority": reader.nonzero_pubkey(),
        "mint": reader.pubkey(),
        "name": reader.text(4),
        "symbol": reader.text(4),
        "uri": reader.text(4),
    }
    pairs = [[reader.text(4), reader.text(4)] for _ in range(reader.unsigned(4))]
    return {**state, "additionalMetadata": pairs}


def _scaled_ui_amount(reader: Reader) -> dict[str, Any]:
    authority = reader.nonzero_pubkey()
    (multiplier,) = struct.unpack("<d", reader.take(8))
    effective = reader.signed(8)
    (newer,) = struct.unpack("<d", reader.take(8))
    return {
        "authority": authority,
        "multiplier": f"{multiplier:.17g}",
        "newMultiplierEffectiveTimestamp": effective,
        "newMultiplier": f"{newer:.17g}",
    }


def _authorities(*names: str) -> Callable[[Reader], dict[str, Any]]:
    def read(reader: Reader) -> dict[str, Any]:
        return {name: reader.nonzero_pubkey() for name in names}

    return read


def _flag(name: str) -> Callable[[Reader], dict[str, Any]]:
    def read(reader: Reader) -> dict[str, Any]:
        return {name: bool(reader.u8())}

    return read


def _transfer_fee_amount(reader: Reader) -> dict[str, Any]:
    return {"withheldAmount": reader.u64()}


def _pausable(reader: Reader) -> dict[str, Any]:
    return {"authority": reader.nonzero_pubkey(), "paused": bool(reader.u8())}


STATE_READERS: dict[str, Callable[[Reader], dict[str, Any]]] = {
    "transferFeeConfig": _transfer_fee_config,
    "transferFeeAmount": _transfer_fee_amount,
    "mintCloseAuthority": _authorities("closeAuthority"),
    "defaultAccountState": _default_account_state,
    "memoTransfer": _flag("requireIncomingTransferMemos"),
    "interestBearingConfig": _interest_bearing_config,
    "cpiGuard": _flag("lockCpi"),
    "permanentDelegate": _authorities("delegate"),
    "transferHook": _authorities("authority", "programId"),
    "transferHookAccount": _flag("transferring"),
    "metadataPointer": _authorities("authority", "metadataAddress"),
    "tokenMetadata": _token_metadata,
    "groupPointer": _authorities("authority", "groupAddress"),
    "groupMemberPointer": _authorities("authority", "memberAddress"),
    "scaledUiAmount": _scaled_ui_amount,
    "pausable": _pausable,
}
# The extension's name where it is shown, if other than that of its type.
SHOWN_AS = {"scaledUiAmount": "scaledUiAmountConfig", "pausable": "pausableConfig"}
