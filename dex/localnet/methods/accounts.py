"""Methods that read accounts."""

from __future__ import annotations

from functools import partial
from typing import Any

from dex.localnet.node import Node

from .encoding import account_json
from .filters import account_filter
from .rpc import Params, pubkey

MAX_ACCOUNTS = 100
API_VERSION = "3.0.0"


def with_context(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"apiVersion": API_VERSION, "slot": slot}, "value": value}


def get_balance(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    account = node.account(params.pubkey(0), slot)
    return with_context(slot, 0 if account is None else account.lamports)


def get_account_info(node: Node, params: Params) -> Any:
    address = params.pubkey(0)
    options = params.options(1)
    slot = node.slot(options)
    read = partial(node.account, slot=slot)
    return with_context(slot, account_json(address, read(address), options, read))


def get_multiple_accounts(node: Node, params: Params) -> Any:
    addresses = [pubkey(text) for text in params.texts(0, most=MAX_ACCOUNTS)]
    options = params.options(1)
    slot = node.slot(options)
    read = partial(node.account, slot=slot)
    # Unlike getAccountInfo, this method's default is base64.
    found = [
        account_json(key, read(key), options, read, default="base64")
        for key in addresses
    ]
    return with_context(slot, found)


def get_program_accounts(node: Node, params: Params) -> Any:
    """Return the accounts of a program that pass every filter, sorted by address."""
    program = params.pubkey(0)
    options = params.options(1)
    matches = account_filter(options.values.get("filters"))
    slot = node.slot(options)
    read = partial(node.account, slot=slot)
    found = sorted(
        (
            (address, account)
            for address, account in node.owned_by(program, slot)
            if matches(account)
        ),
        key=lambda pair: bytes(pair[0]),
    )
    value = [
        {
            "account": account_json(address, account, options, read),
            "pubkey": str(address),
        }
        for address, account in found
    ]
    return with_context(slot, value) if options.flag("withContext") else value


METHODS = {
    "getBalance": get_balance,
    "getAccountInfo": get_account_info,
    "getMultipleAccounts": get_multiple_accounts,
    "getProgramAccounts": get_program_accounts,
}
