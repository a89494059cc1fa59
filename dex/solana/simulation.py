"""The dry run of an unsigned transaction."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from dex.errors import RpcUnavailable
from dex.types import Simulation

from .decoding import context_slot, decode_account, is_count, token_amount
from .endpoint import Endpoint
from .error_meanings import BLOCKHASH_NOT_FOUND
from .program_errors import decode_error
from .rpc import RpcClient


async def simulate(
    rpc: RpcClient,
    message: MessageV0,
    token_accounts: Sequence[Pubkey],
    *,
    min_context_slot: int,
    venues: Mapping[Pubkey, str],
) -> Simulation:
    """Run an unsigned transaction without landing it, on a node at that slot or later.

    The blockhash is the real one: replacing it would hide that it is too old. A node
    that does not know it yet is passed over. Raises RpcUnavailable.
    """
    unsigned = VersionedTransaction.populate(message, [Signature.default()])
    options = {
        "encoding": "base64",
        "commitment": "confirmed",
        "sigVerify": False,
        "replaceRecentBlockhash": False,
        "minContextSlot": min_context_slot,
        "accounts": {
            "encoding": "base64",
            "addresses": [str(address) for address in token_accounts],
        },
    }
    raw = base64.b64encode(bytes(unsigned)).decode()

    async def run(endpoint: Endpoint) -> Simulation:
        answer = await endpoint.call("simulateTransaction", [raw, options])
        slot = context_slot(answer)
        if slot < min_context_slot or not rpc.pace.admits(slot):
            raise RpcUnavailable(f"{endpoint.name}: the simulation of slot {slot}")
        simulation = _decode(slot, answer.get("value"), message, token_accounts, venues)
        if simulation.error_code == BLOCKHASH_NOT_FOUND.code:
            # It is seconds old, so this node has not seen it yet: another one has.
            raise RpcUnavailable(f"{endpoint.name}: {simulation.error}")
        return simulation

    return await rpc.first(run)


def _decode(
    slot: int,
    value: Any,
    message: MessageV0,
    token_accounts: Sequence[Pubkey],
    venues: Mapping[Pubkey, str],
) -> Simulation:
    if not isinstance(value, dict) or "err" not in value:
        raise RpcUnavailable("A node's simulation says neither success nor error.")
    lines = value.get("logs")
    logs = tuple(map(str, lines)) if isinstance(lines, list) else ()
    consumed = value.get("unitsConsumed")
    units: int = consumed if is_count(consumed) else 0
    if value["err"] is not None:
        error = decode_error(value["err"], message, venues, logs)
        return Simulation(
            slot,
            error.code,
            error.message,
            error.retryable,
            units,
            {},
            logs,
            error.program,
            error.name,
        )
    if not units:
        raise RpcUnavailable("A node's simulation does not say what it consumed.")
    amounts = _amounts(token_accounts, value.get("accounts"))
    return Simulation(slot, "", "", False, units, amounts, logs)


def _amounts(addresses: Sequence[Pubkey], entries: Any) -> dict[Pubkey, int]:
    """Read the balances after the run; an account that does not exist holds nothing."""
    if not isinstance(entries, list) or len(entries) != len(addresses):
        if not addresses:
            return {}
        raise RpcUnavailable("A node's simulation lacks the accounts asked for.")
    amounts = {}
    for address, entry in zip(addresses, entries, strict=True):
        account = decode_account(entry)
        try:
            amounts[address] = 0 if account is None else token_amount(account)
        except ValueError as error:
            raise RpcUnavailable(f"{address} is {error}.") from error
    return amounts
