"""Extensions of Token-2022, put into an account before it is opened.

Source: solana-program/token-2022, `interface/src/extension/mod.rs`.
"""

from __future__ import annotations

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    EXTENSION_BASE_MISMATCH,
    refuse,
    refuse_named,
    require_kind,
)

# Sizes of the extensions that accounts may have, by type; the others are a mint's.
ACCOUNT_EXTENSIONS = {2: 8, 5: 295, 7: 0, 8: 1, 11: 1, 13: 0, 15: 1, 17: 64, 27: 0}


def require_unopened(call: Invocation, data: bytes, kind: int) -> None:
    """Refuse data that was begun as another kind of account than `kind`."""
    require_kind(call, data, kind, 0)
    wanted = kind == layout.KIND_ACCOUNT
    first = next(layout.extensions(data), None)
    if first is not None and (first[0] in ACCOUNT_EXTENSIONS) != wanted:
        raise refuse(call, EXTENSION_BASE_MISMATCH)


def with_extension(call: Invocation, data: bytes, kind: int, value: bytes) -> bytes:
    """Add an extension behind those that are there, or set it anew."""
    at = layout.EXTENSIONS_START
    for known, offset, length in layout.extensions(data):
        if known == kind:
            return layout.put(data, offset, value)
        at = offset + length
    entry = kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
    if at + len(entry) > len(data):
        raise refuse_named(call, "InvalidAccountData")
    return layout.put(data, at, entry)
