"""Token-2022 transfer fees: what a transfer withholds, and where it is kept."""

from __future__ import annotations

from . import token_layout as layout


def transfer_fee(mint_data: bytes, amount: int, epoch: int) -> int:
    """Return the fee in base units that a transfer of `amount` withholds.

    Source: spl-token-2022, `extension/transfer_fee`: the newer of two fees counts from
    its epoch on; basis points, rounded up, at most the maximum.
    """
    at = layout.extension(mint_data, layout.TRANSFER_FEE_CONFIG)
    if at is None:
        return 0
    older, newer = mint_data[at + 72 : at + 90], mint_data[at + 90 : at + 108]
    current = newer if epoch >= int.from_bytes(newer[:8], "little") else older
    maximum = int.from_bytes(current[8:16], "little")
    bps = int.from_bytes(current[16:18], "little")
    return min(-(-amount * bps // 10_000), maximum)


def withheld_amount(account_data: bytes) -> int:
    """Return the fees in base units that a token account withholds for its mint."""
    at = layout.extension(account_data, layout.TRANSFER_FEE_AMOUNT)
    return 0 if at is None else int.from_bytes(account_data[at : at + 8], "little")


def withhold(account_data: bytes, fee: int) -> bytes:
    """Add a fee to what a token account withholds for its mint."""
    at = layout.extension(account_data, layout.TRANSFER_FEE_AMOUNT)
    if at is None:
        return account_data
    total = withheld_amount(account_data) + fee
    return account_data[:at] + total.to_bytes(8, "little") + account_data[at + 8 :]


def account_extensions(mint_data: bytes) -> list[tuple[int, bytes]]:
    """Return (type, value) of the extensions that every account of a mint needs."""
    if layout.extension(mint_data, layout.TRANSFER_FEE_CONFIG) is None:
        return []
    return [(layout.TRANSFER_FEE_AMOUNT, bytes(8))]


def size_with(data: bytes, extensions: list[tuple[int, bytes]]) -> int:
    """Return the bytes an account or mint takes with these extensions beside its own."""
    lengths = {kind: length for kind, _, length in layout.extensions(data)}
    lengths.update((kind, len(value)) for kind, value in extensions)
    if not lengths:
        return min(len(data), layout.ACCOUNT_SIZE)
    size = layout.EXTENSIONS_START + sum(4 + length for length in lengths.values())
    # Two bytes more, so that nothing is mistaken for a multisignature.
    return size + 2 if size == layout.MULTISIG_SIZE else size
