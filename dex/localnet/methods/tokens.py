"""Methods that read token accounts and mints of both token programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from solders.pubkey import Pubkey

from dex.localnet.node import Node
from dex.localnet.parsing.amounts import token_amount
from dex.localnet.programs import token_layout as layout
from dex.solana.addresses import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from dex.types import Account

from .accounts import with_context
from .encoding import account_json
from .rpc import Params, invalid, pubkey

TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
MAX_LARGEST = 20
SOME = b"\x01\x00\x00\x00"


def get_token_account_balance(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    account = node.account(params.pubkey(0), slot)
    if account is None:
        raise invalid("Invalid param: could not find account")
    is_token = account.owner in TOKEN_PROGRAMS
    if not is_token or not layout.is_token_account(account.data):
        raise invalid("Invalid param: not a Token account")
    mint = _mint(node, layout.mint_of(account.data), slot)
    decimals = layout.decimals_of(mint.data)
    amount = token_amount(layout.amount_of(account.data), decimals)
    return with_context(slot, amount)


def get_token_supply(node: Node, params: Params) -> Any:
    slot = node.slot(params.options(1))
    mint = node.account(params.pubkey(0), slot)
    if mint is None:
        raise invalid("Invalid param: could not find account")
    if mint.owner not in TOKEN_PROGRAMS:
        raise invalid("Invalid param: not a Token mint")
    if not layout.is_mint(mint.data):
        raise invalid("Invalid param: mint could not be unpacked")
    supply = int.from_bytes(mint.data[36:44], "little")
    return with_context(slot, token_amount(supply, layout.decimals_of(mint.data)))


def get_token_largest_accounts(node: Node, params: Params) -> Any:
    """Return the accounts that hold most of a mint, at most 20, the largest first."""
    slot = node.slot(params.options(1))
    address = params.pubkey(0)
    mint = _mint(node, address, slot)
    held = sorted(
        (
            (layout.amount_of(account.data), bytes(holder), holder)
            for holder, account in _token_accounts(node, mint.owner, slot)
            if layout.mint_of(account.data) == address
        ),
        reverse=True,
    )
    decimals = layout.decimals_of(mint.data)
    value = [
        {"address": str(holder), **token_amount(amount, decimals)}
        for amount, _, holder in held[:MAX_LARGEST]
    ]
    return with_context(slot, value)


def get_token_accounts_by_owner(node: Node, params: Params) -> Any:
    owner = params.pubkey(0)
    return _listed(node, params, lambda data: layout.owner_of(data) == owner)


def get_token_accounts_by_delegate(node: Node, params: Params) -> Any:
    delegate = SOME + bytes(params.pubkey(0))
    return _listed(node, params, lambda data: data[72:108] == delegate)


def _listed(node: Node, params: Params, matches: Callable[[bytes], bool]) -> Any:
    """Answer with the accounts that match, of the mint or program asked for."""
    options = params.options(2)
    slot = node.slot(options)
    mint, program = _token_filter(node, params, slot)
    read = partial(node.account, slot=slot)
    found = [
        (address, account)
        for address, account in _token_accounts(node, program, slot)
        if matches(account.data) and mint in (None, layout.mint_of(account.data))
    ]
    value = [
        {
            "account": account_json(address, account, options, read),
            "pubkey": str(address),
        }
        for address, account in sorted(found, key=lambda pair: bytes(pair[0]))
    ]
    return with_context(slot, value)


def _token_accounts(
    node: Node, program: Pubkey, slot: int
) -> list[tuple[Pubkey, Account]]:
    return [
        (address, account)
        for address, account in node.owned_by(program, slot)
        if layout.is_token_account(account.data)
    ]


def _token_filter(
    node: Node, params: Params, slot: int
) -> tuple[Pubkey | None, Pubkey]:
    """Return the mint that is asked for (None: any) and its token program."""
    wanted = params.options(1)
    mint, program_id = wanted.text("mint"), wanted.text("programId")
    if (mint is None) == (program_id is None):
        raise invalid("Invalid params: expected either a mint or a programId.")
    if mint is not None:
        address = pubkey(mint)
        return address, _mint(node, address, slot).owner
    program = pubkey(program_id or "")
    if program not in TOKEN_PROGRAMS:
        raise invalid("Invalid param: unrecognized Token program id")
    return None, program


def _mint(node: Node, address: Pubkey, slot: int) -> Account:
    account = node.account(address, slot)
    if account is None:
        raise invalid("Invalid param: could not find mint")
    if account.owner not in TOKEN_PROGRAMS or not layout.is_mint(account.data):
        raise invalid("Invalid param: not a Token mint")
    return account


METHODS = {
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenSupply": get_token_supply,
    "getTokenLargestAccounts": get_token_largest_accounts,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
    "getTokenAccountsByDelegate": get_token_accounts_by_delegate,
}
