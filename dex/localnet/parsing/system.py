"""Instructions of the system program, under the names of agave's `parse_system.rs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .names import named
from .reader import NotParsable, Reader

Field = Callable[[Reader], Any]


def _seed(reader: Reader) -> str:
    return reader.text(8)


LAMPORTS = ("lamports", Reader.u64)
SPACE = ("space", Reader.u64)
OWNER = ("owner", Reader.pubkey)
BASE = ("base", Reader.pubkey)
SEED = ("seed", _seed)

# By tag: type, names of the accounts, and the fields of the data in their order.
INSTRUCTIONS: dict[int, tuple[str, str, tuple[tuple[str, Field], ...]]] = {
    0: ("createAccount", "source newAccount", (LAMPORTS, SPACE, OWNER)),
    1: ("assign", "account", (OWNER,)),
    2: ("transfer", "source destination", (LAMPORTS,)),
    3: (
        "createAccountWithSeed",
        "source newAccount",
        (BASE, SEED, LAMPORTS, SPACE, OWNER),
    ),
    4: ("advanceNonce", "nonceAccount recentBlockhashesSysvar nonceAuthority", ()),
    5: (
        "withdrawFromNonce",
        "nonceAccount destination recentBlockhashesSysvar rentSysvar nonceAuthority",
        (LAMPORTS,),
    ),
    6: (
        "initializeNonce",
        "nonceAccount recentBlockhashesSysvar rentSysvar",
        (("nonceAuthority", Reader.pubkey),),
    ),
    7: (
        "authorizeNonce",
        "nonceAccount nonceAuthority",
        (("newAuthorized", Reader.pubkey),),
    ),
    8: ("allocate", "account", (SPACE,)),
    9: ("allocateWithSeed", "account", (BASE, SEED, SPACE, OWNER)),
    10: ("assignWithSeed", "account", (BASE, SEED, OWNER)),
    11: (
        "transferWithSeed",
        "source sourceBase destination",
        (LAMPORTS, ("sourceSeed", _seed), ("sourceOwner", Reader.pubkey)),
    ),
    12: ("upgradeNonce", "nonceAccount", ()),
}


def parse_system(accounts: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]]:
    """Return type and info; NotParsable when the instruction is malformed."""
    reader = Reader(data)
    tag = reader.unsigned(4)
    if tag not in INSTRUCTIONS:
        raise NotParsable
    kind, names, fields = INSTRUCTIONS[tag]
    info: dict[str, Any] = named(accounts, names)
    info |= {name: read(reader) for name, read in fields}
    return kind, info
