"""Base58 of bytes of any length (solders has it only for keys, hashes, signatures)."""

from __future__ import annotations

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Two digits at a time, and long numbers in pieces that the processor divides at once.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
PIECE_PAIRS = 5
PIECE = 58 ** (2 * PIECE_PAIRS)
DIGITS = {character: value for value, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    pairs = []
    while number:
        number, piece = divmod(number, PIECE)
        for _ in range(PIECE_PAIRS):
            piece, pair = divmod(piece, len(PAIRS))
            pairs.append(PAIRS[pair])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(pairs)).lstrip("1")


def decode(text: str) -> bytes:
    """Decode; ValueError when a character does not belong to the alphabet."""
    number = 0
    for character in text:
        if character not in DIGITS:
            raise ValueError(f"{character!r} is not a base58 character")
        number = number * 58 + DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
