"""The fill: what a landed swap really moved, read from the landed transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from dex.errors import FillUnreadable, RpcError, RpcRejected, RpcUnavailable
from dex.types import Fill

from .addresses import TOKEN_2022_PROGRAM
from .decoding import is_count
from .endpoint import Endpoint
from .rpc import RpcClient

logger = logging.getLogger(__name__)

OPTIONS = {
    "encoding": "json",
    "commitment": "confirmed",
    "maxSupportedTransactionVersion": 1,
}

PATIENCE_S = 30.0
U64_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Sides:
    """Which accounts of a swap tell what it moved."""

    vault_in: Pubkey
    vault_out: Pubkey
    wallet: Pubkey
    mint_in: Pubkey
    mint_out: Pubkey


@dataclass(frozen=True, slots=True)
class _Change:
    """How one token account changed within the transaction. Base units."""

    mint: str
    owner: str
    program: str
    amount: int


async def wait_for_fill(
    rpc: RpcClient,
    signature: str,
    sides: Sides,
    *,
    interval_s: float,
    patience_s: float = PATIENCE_S,
) -> Fill:
    """Ask for a landed transaction until an endpoint shows it; return its fill.

    It is known to have landed, so "not found" means "not yet". Raises FillUnreadable
    when no endpoint shows the vaults' balances, RpcUnavailable when none shows it for
    `patience_s`, WrongChain.
    """
    unreadable: list[FillUnreadable] = []

    async def ask(endpoint: Endpoint) -> Fill:
        landed = await _landed(endpoint, signature)
        try:
            fill = read_fill(landed, signature, sides)
        except FillUnreadable as error:
            unreadable.append(error)
            raise RpcUnavailable(f"{endpoint.name} does not show the vaults") from error
        if not rpc.pace.admits(fill.slot):
            raise RpcUnavailable(f"{endpoint.name} shows it at slot {fill.slot}")
        return fill

    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + patience_s
    while True:
        try:
            return await rpc.first(ask)
        except RpcUnavailable as error:
            if unreadable:
                raise unreadable[0] from error
            # A status that nobody can back may be a lie, or a fork that was dropped:
            # who waits must look at the status again some day.
            if loop.time() >= give_up_at:
                raise
            logger.info("the fill of %s: %s", signature, error)
        await asyncio.sleep(interval_s)


async def read_fee(rpc: RpcClient, signature: str) -> int | None:
    """Ask once, for a landed transaction's fee in lamports; None when nobody shows it.

    Raises WrongChain.
    """

    async def ask(endpoint: Endpoint) -> int:
        fee = (await _with_meta(endpoint, signature))["meta"].get("fee")
        if not is_count(fee):
            raise RpcUnavailable(f"{endpoint.name} shows no fee")
        return int(fee)

    try:
        return await rpc.first(ask)
    except RpcError as error:
        logger.info("the fee of %s is unknown: %s", signature, error)
        return None


async def _landed(endpoint: Endpoint, signature: str) -> Mapping[str, Any]:
    """Return what this endpoint shows; RpcUnavailable when that is no landed swap."""
    landed = await _with_meta(endpoint, signature)
    failed = landed["meta"].get("err")
    if failed is not None:
        raise RpcUnavailable(f"{endpoint.name} shows it with the error {failed!r:.200}")
    return landed


async def ask_transaction(endpoint: Endpoint, signature: str) -> Any:
    """Return what this endpoint answers to getTransaction; RpcUnavailable for an error."""
    try:
        return await endpoint.call("getTransaction", [signature, OPTIONS])
    except RpcRejected as error:
        # A node without history says so in many ways, and another has it.
        raise RpcUnavailable(f"{endpoint.name}: {error}") from error


async def _with_meta(endpoint: Endpoint, signature: str) -> Mapping[str, Any]:
    landed = await ask_transaction(endpoint, signature)
    if not isinstance(landed, dict) or not isinstance(landed.get("meta"), dict):
        raise RpcUnavailable(f"{endpoint.name} does not show it yet")
    return landed


def read_fill(landed: Mapping[str, Any], signature: str, sides: Sides) -> Fill:
    """Read the fill from the answer of getTransaction (encoding json).

    The pool's vaults tell it; where a mint may charge a transfer fee, the wallet's own
    account does: the vault sees the amount before or after the fee. Raises
    FillUnreadable.
    """
    try:
        changes = _changes(landed)
        vault_in = changes[str(sides.vault_in)]
        vault_out = changes[str(sides.vault_out)]
        slot, fee_lamports = _count(landed["slot"]), _count(landed["meta"]["fee"])
        units_consumed = _count(landed["meta"].get("computeUnitsConsumed") or 0)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FillUnreadable(
            f"The landed transaction {signature} does not show the balances of the "
            f"pool's vaults ({error!r}). Look at it in an explorer."
        ) from error
    paid = _wallet_change(changes, sides.wallet, sides.mint_in)
    received = _wallet_change(changes, sides.wallet, sides.mint_out)
    return Fill(
        signature=signature,
        slot=slot,
        amount_in=_agreed(signature, vault_in, vault_in.amount, _negated(paid)),
        amount_out=_agreed(signature, vault_out, -vault_out.amount, received),
        fee_lamports=fee_lamports,
        units_consumed=units_consumed,
    )


def _changes(landed: Mapping[str, Any]) -> dict[str, _Change]:
    """Return the change of every token account that the transaction touched."""
    meta = landed["meta"]
    loaded = meta.get("loadedAddresses") or {}
    keys = [
        *landed["transaction"]["message"]["accountKeys"],
        *loaded.get("writable", ()),
        *loaded.get("readonly", ()),
    ]
    changes: dict[str, _Change] = {}
    for sign, balances in (
        (-1, meta["preTokenBalances"]),
        (1, meta["postTokenBalances"]),
    ):
        for balance in balances:
            account = keys[balance["accountIndex"]]
            before = changes[account].amount if account in changes else 0
            changes[account] = _Change(
                mint=balance["mint"],
                owner=balance.get("owner", ""),
                program=balance.get("programId", ""),
                amount=before + sign * _amount(balance["uiTokenAmount"]["amount"]),
            )
    return changes


def _count(value: Any) -> int:
    if not is_count(value):
        raise ValueError(f"{value!r:.50} is no count")
    return value


def _amount(text: Any) -> int:
    """Read base units as nodes write them; a token amount is a u64."""
    if not isinstance(text, str) or not text.isdecimal() or len(text) > U64_DIGITS:
        raise ValueError(f"{text!r:.50} is no amount")
    return int(text)


def _wallet_change(
    changes: Mapping[str, _Change], wallet: Pubkey, mint: Pubkey
) -> int | None:
    """Add up the wallet's accounts of one mint; None when it shows none."""
    amounts = [
        change.amount
        for change in changes.values()
        if change.owner == str(wallet) and change.mint == str(mint)
    ]
    return sum(amounts) if amounts else None


def _negated(amount: int | None) -> int | None:
    return None if amount is None else -amount


def _agreed(signature: str, vault: _Change, moved: int, at_wallet: int | None) -> int:
    """Choose between the vault's figure and the wallet's; they differ by a fee only."""
    if at_wallet is None or at_wallet == moved:
        return moved
    # A fee makes the receiver get less than the sender gave.
    fee = at_wallet - moved if vault.amount > 0 else moved - at_wallet
    if vault.program == str(TOKEN_2022_PROGRAM) and fee > 0 and at_wallet > 0:
        return at_wallet
    logger.error(
        "%s: the pool's vault moved %d base units of %s, the wallet %d; the vault counts",
        signature,
        moved,
        vault.mint,
        at_wallet,
    )
    return moved
