"""The filters of program accounts: memcmp, dataSize and tokenAccountState."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from dex.localnet import base58
from dex.localnet.programs import token_layout as layout
from dex.types import Account

from .rpc import Options, invalid

MAX_FILTERS = 4
MAX_COMPARED_BYTES = 128
Matches = Callable[[Account], bool]


def account_filter(filters: Any) -> Matches:
    """Return a test that an account passes when it passes every filter (null: none)."""
    if filters is None:
        filters = []
    if not isinstance(filters, list):
        raise invalid("Invalid params: filters should be an array.")
    if len(filters) > MAX_FILTERS:
        raise invalid(f"Too many filters provided; max {MAX_FILTERS}")
    tests = [_test(wanted) for wanted in filters]
    return lambda account: all(test(account) for test in tests)


def _test(wanted: Any) -> Matches:
    if wanted == "tokenAccountState":
        return lambda account: layout.is_token_account(account.data)
    if isinstance(wanted, dict) and len(wanted) == 1:
        if "dataSize" in wanted:
            size = Options(wanted).number("dataSize")
            return lambda account: len(account.data) == size
        if "memcmp" in wanted:
            return _comparison(Options(wanted["memcmp"]))
    raise invalid("Invalid params: expected memcmp, dataSize or tokenAccountState.")


def _comparison(options: Options) -> Matches:
    offset = options.number("offset") or 0
    wanted = _decoded(options)
    if len(wanted) > MAX_COMPARED_BYTES:
        raise invalid(
            "Invalid param: encoded binary (base 58) data should be less "
            f"than {MAX_COMPARED_BYTES} bytes"
        )
    return lambda account: account.data[offset : offset + len(wanted)] == wanted


def _decoded(options: Options) -> bytes:
    """Return the bytes to compare: base58 unless said otherwise, or a list of numbers."""
    given = options.values.get("bytes")
    encoding = options.text("encoding") or "base58"
    try:
        if isinstance(given, list):
            return bytes(given)
        if isinstance(given, str) and encoding == "base58":
            return base58.decode(given)
        if isinstance(given, str) and encoding == "base64":
            return base64.b64decode(given, validate=True)
    except (ValueError, TypeError, binascii.Error):
        raise invalid("Invalid param: the bytes of memcmp cannot be decoded") from None
    raise invalid("Invalid params: memcmp needs bytes, in base58 or base64.")
