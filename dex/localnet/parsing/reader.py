"""Reads the little-endian fields of instructions and accounts, one after the other."""

from __future__ import annotations

from solders.pubkey import Pubkey


class NotParsable(Exception):
    """These bytes are not what the parser knows; nodes then show them undecoded."""


class Reader:
    """A position in some bytes; every read raises NotParsable beyond their end."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset

    @property
    def left(self) -> int:
        return len(self.data) - self.offset

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise NotParsable
        self.offset += length
        return self.data[self.offset - length : self.offset]

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little", signed=True)

    def u8(self) -> int:
        return self.unsigned(1)

    def u16(self) -> int:
        return self.unsigned(2)

    def u64(self) -> int:
        return self.unsigned(8)

    def pubkey(self) -> str:
        return str(Pubkey(self.take(32)))

    def nonzero_pubkey(self) -> str | None:
        """Read an address for which 32 zeros stand for none."""
        key = self.take(32)
        return str(Pubkey(key)) if any(key) else None

    def optional_pubkey(self, flag_size: int) -> str | None:
        """Read a flag and the address behind it, which some layouts leave out."""
        if self.unsigned(flag_size) == 0:
            if flag_size == 4:  # as accounts store it: the room is always there
                self.take(32)
            return None
        return self.pubkey()

    def text(self, length_size: int) -> str:
        return decoded(self.take(self.unsigned(length_size)))


def decoded(data: bytes) -> str:
    """Return UTF-8 bytes as text; NotParsable when they are not."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise NotParsable from None
