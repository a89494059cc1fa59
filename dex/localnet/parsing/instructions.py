"""Instructions as jsonParsed shows them: parsed where a node knows the program.

Which programs it knows: agave `transaction-status/src/parse_instruction.rs`. Compute
budget, venues and everything else stay partially decoded, as they do there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dex.localnet import base58
from dex.solana.addresses import (
    ASSOCIATED_TOKEN_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAM,
    MEMO_V1_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

from .lookup_table import parse_lookup_table
from .names import named
from .reader import NotParsable, decoded
from .system import parse_system
from .token import parse_token

Parser = Callable[[Sequence[str], bytes], tuple[str, dict[str, Any]]]


def parse_instruction(
    program: str, accounts: Sequence[str], data: bytes, stack_height: int | None
) -> dict[str, Any]:
    """Return an instruction parsed, or partially decoded where nodes cannot parse it.

    Addresses are base58 texts; the stack height is null or absent as the node has it.
    """
    try:
        name, parsed = _parsed(program, accounts, data)
    except NotParsable:
        return {
            "programId": program,
            "accounts": list(accounts),
            "data": base58.encode(data),
            "stackHeight": stack_height,
        }
    return {
        "program": name,
        "programId": program,
        "parsed": parsed,
        "stackHeight": stack_height,
    }


def parse_inner(
    groups: Iterable[Mapping[str, Any]], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Parse the inner instructions of a meta, which count the addresses in `keys`."""
    return [
        {
            "index": group["index"],
            "instructions": [
                parse_instruction(
                    keys[each["programIdIndex"]],
                    [keys[position] for position in each["accounts"]],
                    base58.decode(each["data"]),
                    each["stackHeight"],
                )
                for each in group["instructions"]
            ],
        }
        for group in groups
    ]


def _parsed(program: str, accounts: Sequence[str], data: bytes) -> tuple[str, Any]:
    if program in MEMO_PROGRAMS:
        return "spl-memo", decoded(data)
    # No program below takes an instruction without accounts.
    if program not in PARSERS or not accounts:
        raise NotParsable
    name, parser = PARSERS[program]
    kind, info = parser(accounts, data)
    return name, {"type": kind, "info": info}


def parse_associated_token(
    accounts: Sequence[str], data: bytes
) -> tuple[str, dict[str, Any]]:
    """Return type and info (agave: `parse_associated_token.rs`)."""
    creation = "source account wallet mint systemProgram tokenProgram"
    if data in (b"", b"\x00"):
        return "create", named(accounts, creation)
    if data == b"\x01":
        return "createIdempotent", named(accounts, creation)
    if data == b"\x02":
        return "recoverNested", named(
            accounts,
            "nestedSource nestedMint destination nestedOwner ownerMint wallet "
            "tokenProgram",
        )
    raise NotParsable


MEMO_PROGRAMS = {str(MEMO_PROGRAM), str(MEMO_V1_PROGRAM)}
PARSERS: dict[str, tuple[str, Parser]] = {
    str(SYSTEM_PROGRAM): ("system", parse_system),
    str(TOKEN_PROGRAM): ("spl-token", parse_token),
    str(TOKEN_2022_PROGRAM): ("spl-token", parse_token),
    str(ASSOCIATED_TOKEN_PROGRAM): (
        "spl-associated-token-account",
        parse_associated_token,
    ),
    str(LOOKUP_TABLE_PROGRAM): ("address-lookup-table", parse_lookup_table),
}
