"""Instructions that only answer: sizes of accounts, and amounts as people write them."""

from __future__ import annotations

from . import token_layout as layout
from .invocation import Invocation
from .token_checks import (
    EXTENSION_TYPE_MISMATCH,
    INVALID_INSTRUCTION,
    INVALID_MINT,
    is_2022,
    is_mint,
    refuse,
    refuse_named,
    require_accounts,
    require_own,
    unpack,
)
from .token_extensions import ACCOUNT_EXTENSIONS
from .token_transfers import UINT64_MAX
from .transfer_fee import account_extensions, size_with

MAX_DIGITS = 257
LAST_EXTENSION = 28


def get_account_data_size(call: Invocation, body: bytes) -> None:
    """Return how many bytes an account of the mint needs, with the extensions named."""
    named: list[int] = []
    if is_2022(call):
        named = [
            int.from_bytes(body[at : at + 2], "little") for at in range(0, len(body), 2)
        ]
        if len(body) % 2 or any(kind > LAST_EXTENSION for kind in named):
            raise refuse_named(call, "InvalidAccountData")
        if any(kind not in ACCOUNT_EXTENSIONS for kind in named):
            raise refuse(call, EXTENSION_TYPE_MISMATCH)
    require_accounts(call, 1)
    data = _mint(call)
    extensions: dict[int, bytes] = {}
    if is_2022(call):
        extensions = dict(account_extensions(data))
        extensions.update((kind, bytes(ACCOUNT_EXTENSIONS[kind])) for kind in named)
    size = size_with(bytes(layout.ACCOUNT_SIZE), list(extensions.items()))
    call.give_back(size.to_bytes(8, "little"))


def amount_to_ui_amount(call: Invocation, body: bytes) -> None:
    """Return an amount in whole tokens, as text without zeros at its end."""
    (amount,) = unpack(call, "<Q", body)
    require_accounts(call, 1)
    decimals = layout.decimals_of(_mint(call))
    text = str(amount).rjust(decimals + 1, "0")
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}".rstrip("0").rstrip(".")
    call.give_back(text.encode())


def ui_amount_to_amount(call: Invocation, body: bytes) -> None:
    """Return the base units of a text such as `1.5`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise refuse(call, INVALID_INSTRUCTION) from None
    require_accounts(call, 1)
    decimals = layout.decimals_of(_mint(call))
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    digits = whole + fraction.ljust(decimals, "0")
    if (
        not (whole or fraction)
        or len(fraction) > decimals
        or not digits.removeprefix("+").isascii()
        or not digits.removeprefix("+").isdigit()
        or len(whole) + decimals > MAX_DIGITS
        or int(digits) > UINT64_MAX
    ):
        raise refuse_named(call, "InvalidArgument")
    call.give_back(int(digits).to_bytes(8, "little"))


def _mint(call: Invocation) -> bytes:
    require_own(call, 0)
    data = call.account(0).data
    if not is_mint(call, data):
        raise refuse(call, INVALID_MINT)
    return data
