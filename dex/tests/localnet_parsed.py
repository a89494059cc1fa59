"""Addresses and the reading of parsed instructions, for tests of the parsers."""

from __future__ import annotations

import struct
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.parsing.instructions import parse_instruction

A, B, C, D, E, F, G = (str(Pubkey(bytes([number]) * 32)) for number in range(1, 8))
KEY = Pubkey(bytes([9]) * 32)
K = str(KEY)
U64 = struct.Struct("<Q").pack
SOME_KEY, NO_KEY = b"\x01" + bytes(KEY), b"\x00"


def parsed(
    program: Pubkey, accounts: list[str], data: bytes
) -> tuple[str, str, dict[str, Any]]:
    """Return program, type and info of an instruction that nodes can parse."""
    answer = parse_instruction(str(program), accounts, data, 1)
    assert answer["programId"] == str(program)
    assert answer["stackHeight"] == 1
    assert set(answer) == {"program", "programId", "parsed", "stackHeight"}, answer
    return answer["program"], answer["parsed"]["type"], answer["parsed"]["info"]
