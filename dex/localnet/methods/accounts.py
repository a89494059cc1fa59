"""Methods that read accounts."""

from __future__ import annotations

from functools import partial
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.meta import token_amount
from dex.localnet.node import Node
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM

from .encoding import account_json
from .rpc import Params, invalid, pubkey

MAX_ACCOUNTS = 100
API_VERSION = "3.0.0"


def with_context(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"apiVersion": API_VERSION, "slot": slot}, "value": value}


def get_balance(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    account = node.account(params.pubkey(0), slot)
    return with_context(slot, 0 if account is None else account.lamports)


def get_account_info(node: Node, params: Params) -> Any:
    options = params.options(1)
    slot = node.slot(options)
    address = params.pubkey(0)
    read = partial(node.account, slot=slot)
    return with_context(slot, account_json(address, read(address), options, read))


def get_multiple_accounts(node: Node, params: Params) -> Any:
    addresses = [pubkey(text) for text in params.texts(0, most=MAX_ACCOUNTS)]
    options = params.options(1)
    if options.text("encoding") is None:
        # Unlike getAccountInfo, this method's default is base64.
        options.values = {**options.values, "encoding": "base64"}
    slot = node.slot(options)
    read = partial(node.account, slot=slot)
    found = [account_json(key, read(key), options, read) for key in addresses]
    return with_context(slot, found)


def get_token_account_balance(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    account = node.account(params.pubkey(0), slot)
    if account is None:
        raise invalid("Invalid param: could not find account")
    token = account.owner in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
    if not token or not layout.is_token_account(account.data):
        raise invalid("Invalid param: not a Token account")
    mint = node.account(layout.mint_of(account.data), slot)
    if mint is None:
        raise invalid("Invalid param: could not find mint")
    amount = layout.amount_of(account.data)
    decimals = layout.decimals_of(mint.data)
    return with_context(slot, token_amount(amount, decimals))


def get_token_accounts_by_owner(node: Node, params: Params) -> Any:
    owner = params.pubkey(0)
    wanted_mint, program = _token_filter(node, params)
    options = params.options(2)
    slot = node.slot(options)
    read = partial(node.account, slot=slot)
    found = []
    for address, account in node.owned_by(program, slot):
        if not layout.is_token_account(account.data):
            continue
        if layout.owner_of(account.data) != owner:
            continue
        if wanted_mint in (None, layout.mint_of(account.data)):
            value = account_json(address, account, options, read)
            found.append({"account": value, "pubkey": str(address)})
    return with_context(slot, found)


def _token_filter(node: Node, params: Params) -> tuple[Pubkey | None, Pubkey]:
    """Return the mint that is asked for (None: any) and its token program."""
    wanted = params.get(1)
    if isinstance(wanted, dict) and isinstance(wanted.get("mint"), str):
        mint = pubkey(wanted["mint"])
        account = node.account(mint, node.current_slot("processed"))
        if account is None or account.owner not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
            raise invalid("Invalid param: could not find mint")
        return mint, account.owner
    if isinstance(wanted, dict) and isinstance(wanted.get("programId"), str):
        program = pubkey(wanted["programId"])
        if program not in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
            raise invalid("Invalid param: unrecognized Token program id")
        return None, program
    raise invalid("Invalid params: expected a mint or a programId.")


METHODS = {
    "getBalance": get_balance,
    "getAccountInfo": get_account_info,
    "getMultipleAccounts": get_multiple_accounts,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
}
