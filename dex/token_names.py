"""What a token calls itself: in its own Token-2022 mint, or in Metaplex's account for it.

Both hold an authority, the mint, then name and symbol as length (u32) and bytes. Sources:
spl-token-metadata-interface `state.rs` (extension 19 of the mint); Metaplex
token-metadata `state/metadata.rs` (one byte of kind first, text padded with zeros).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from dex.solana.addresses import TOKEN_2022_PROGRAM, program_address
from dex.types import Account

METAPLEX_PROGRAM = Pubkey.from_string("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")
_METAPLEX_METADATA = 4
_TOKEN_METADATA = 19
_EXTENSIONS_START = 166
# As much as the allow-list stores.
MAX_SYMBOL, MAX_NAME = 16, 64


@dataclass(frozen=True, slots=True)
class TokenName:
    """A symbol as one could type it, and a name, which may be empty."""

    symbol: str
    name: str


# The mints that everybody calls by these names, whatever a dump leaves out.
KNOWN_NAMES = {
    Pubkey.from_string("So11111111111111111111111111111111111111112"): TokenName(
        "SOL", "Wrapped SOL"
    ),
    Pubkey.from_string("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"): TokenName(
        "USDC", "USD Coin"
    ),
    Pubkey.from_string("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"): TokenName(
        "USDT", "USDT"
    ),
}


def metaplex_address(mint: Pubkey) -> Pubkey:
    """Return where Metaplex keeps what it knows of a mint."""
    return program_address(
        METAPLEX_PROGRAM, b"metadata", bytes(METAPLEX_PROGRAM), bytes(mint)
    )


def read_name(
    address: Pubkey, mint: Account, metaplex: Account | None
) -> TokenName | None:
    """Return what a token is called, None when nothing readable says so."""
    if address in KNOWN_NAMES:
        return KNOWN_NAMES[address]
    own = _own_metadata(mint)
    if own is not None:
        found = _decode(own, address)
        if found is not None:
            return found
    if metaplex is None or metaplex.owner != METAPLEX_PROGRAM:
        return None
    if metaplex.data[:1] != bytes([_METAPLEX_METADATA]):
        return None
    return _decode(metaplex.data[1:], address)


def short_name(mint: Pubkey) -> TokenName:
    """Return a symbol for a token that has none: both ends of its address."""
    text = str(mint)
    return TokenName(f"{text[:4]}-{text[-4:]}", "")


def _own_metadata(mint: Account) -> bytes | None:
    if mint.owner != TOKEN_2022_PROGRAM:
        return None
    position = _EXTENSIONS_START
    while position + 4 <= len(mint.data):
        kind, length = struct.unpack_from("<HH", mint.data, position)
        if kind == _TOKEN_METADATA:
            return mint.data[position + 4 : position + 4 + length]
        if kind == 0:
            return None
        position += 4 + length
    return None


def _decode(data: bytes, mint: Pubkey) -> TokenName | None:
    if data[32:64] != bytes(mint):
        return None
    try:
        name, position = _text(data, 64)
        symbol, _ = _text(data, position)
    except ValueError:  # cut off, or no UTF-8
        return None
    # Whoever made the token chose these: only what can be typed and shown safely.
    if not (0 < len(symbol) <= MAX_SYMBOL and symbol.isprintable()) or " " in symbol:
        return None
    return TokenName(symbol, name[:MAX_NAME] if name.isprintable() else "")


def _text(data: bytes, position: int) -> tuple[str, int]:
    length = int.from_bytes(data[position : position + 4], "little")
    start, end = position + 4, position + 4 + length
    if end > len(data):
        raise ValueError("the text is cut off")
    return data[start:end].decode().strip("\0 \t\n"), end
