"""Files with accounts of a real chain, as tools write them.

Read are `solana account ADDRESS --output json` (one object, a list of them, or several one
behind the other), and whole pools: `{"pools": {address: {"accounts": {address: {"owner",
"data"}}}}}` or `{"pool": address, "accounts": …, "vault_amounts": {address: base units}}`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.programs import token_layout as layout
from dex.localnet.programs.invocation import rent_exempt_minimum
from dex.types import Account


class BadDump(Exception):
    """A dump cannot be used; the message names what is wrong and what to do."""


@dataclass
class Dumps:
    """All accounts of all files; and what vaults held whose accounts are in none."""

    accounts: dict[Pubkey, Account] = field(default_factory=dict)
    vault_amounts: dict[Pubkey, int] = field(default_factory=dict)


def read_dumps(paths: Iterable[Path]) -> Dumps:
    """Read every file. Raises BadDump, also when two files differ about an account."""
    dumps = Dumps()
    for path in paths:
        try:
            for document in _documents(path.read_text(encoding="utf-8")):
                _read_document(document, dumps)
        except BadDump as error:
            raise BadDump(f"{path}: {error}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadDump(f"{path} cannot be read: {error}") from None
        except (ValueError, RecursionError) as error:
            raise BadDump(f"{path} is not JSON: {error}") from None
    return dumps


def _documents(text: str) -> Iterator[Any]:
    """Iterate over JSON values that stand one behind the other."""
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        document, position = decoder.raw_decode(text, position)
        yield document


def _read_document(document: Any, dumps: Dumps) -> None:
    if isinstance(document, list):
        for entry in document:
            _read_document(entry, dumps)
        return
    if not isinstance(document, dict):
        raise BadDump(f"{str(document)[:40]!r} is no account and no pool.")
    if "pubkey" in document:
        entry = document.get("account")
        _add(dumps, _address(document["pubkey"]), entry)
    elif "pools" in document:
        for pool in _object(document["pools"], "pools").values():
            _read_pool(_object(pool, "a pool"), dumps)
    else:
        _read_pool(document, dumps)


def _read_pool(pool: dict[str, Any], dumps: Dumps) -> None:
    if "accounts" not in pool:
        raise BadDump(
            "A pool has no `accounts`. Write the file with `solana account ADDRESS "
            "--output json`, one account behind the other."
        )
    for address, entry in _object(pool["accounts"], "accounts").items():
        _add(dumps, _address(address), entry)
    amounts = _object(pool.get("vault_amounts", {}), "vault_amounts")
    for address, amount in amounts.items():
        if not isinstance(amount, int) or not 0 <= amount < 2**64:
            raise BadDump(f"The vault amount {amount!r} is no u64.")
        dumps.vault_amounts[_address(address)] = amount


def _add(dumps: Dumps, address: Pubkey, entry: Any) -> None:
    account = _account(address, _object(entry, f"The account {address}"))
    if dumps.accounts.setdefault(address, account) != account:
        raise BadDump(
            f"The account {address} is there twice, and not the same. Keep the newer one."
        )


def _account(address: Pubkey, entry: dict[str, Any]) -> Account:
    data = _data(address, entry.get("data"))
    try:
        owner = _address(entry.get("owner"))
    except BadDump as error:
        raise BadDump(f"The owner of the account {address}: {error}") from None
    lamports = entry.get("lamports")
    if lamports is None:
        lamports = rent_exempt_minimum(len(data))
        if layout.is_token_account(data) and layout.native_reserve(data) is not None:
            lamports += layout.amount_of(data)
    if not isinstance(lamports, int) or not 0 <= lamports < 2**63:
        raise BadDump(
            f"The lamports of {address} are {lamports!r}; they must be a whole number "
            "from 0 to 2^63 - 1."
        )
    return Account(owner, lamports, data)


def _data(address: Pubkey, value: Any) -> bytes:
    if isinstance(value, list) and len(value) == 2:
        value, encoding = value
        if encoding != "base64":
            raise BadDump(
                f"The account {address} is encoded as {encoding!r}; base64 is needed: "
                "`solana account ADDRESS --output json`."
            )
    if not isinstance(value, str):
        raise BadDump(f"The data of {address} are no base64 text.")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise BadDump(f"The data of {address} are no base64: {error}.") from None


def _address(text: Any) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except (ValueError, TypeError):
        raise BadDump(f"{text!r} is not a Solana address.") from None


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadDump(f"{what} should be a JSON object.")
    return value
