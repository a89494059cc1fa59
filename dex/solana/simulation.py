"""The dry run of an unsigned transaction."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from .pace import ChainPace
from .program_errors import decode_error
from .rpc import RpcClient


@dataclass(frozen=True, slots=True)
class DryRun:
    """What one simulation asks for, and how its answer is read.

    `token_accounts` are those whose balances afterwards are wanted. The blockhash is the
    real one, unless nothing is to be signed: replacing it hides that it is too old.
    """

    message: MessageV0
    token_accounts: Sequence[Pubkey]
    min_context_slot: int
    venues: Mapping[Pubkey, str]
    replaces_blockhash: bool = False

    def params(self) -> list[Any]:
        """Return the parameters of simulateTransaction."""
        unsigned = VersionedTransaction.populate(self.message, [Signature.default()])
        options = {
            "encoding": "base64",
            "commitment": "confirmed",
            "sigVerify": False,
            "replaceRecentBlockhash": self.replaces_blockhash,
            "minContextSlot": self.min_context_slot,
            "accounts": {
                "encoding": "base64",
                "addresses": [str(address) for address in self.token_accounts],
            },
        }
        return [base64.b64encode(bytes(unsigned)).decode(), options]

    def read(self, answer: Any, endpoint: str, pace: ChainPace) -> Simulation:
        """Read what a node answered; RpcUnavailable when another one must be asked."""
        slot = context_slot(answer)
        if slot < self.min_context_slot or not pace.admits(slot):
            raise RpcUnavailable(f"{endpoint}: the simulation of slot {slot}")
        simulation = _decode(
            slot, answer.get("value"), self.message, self.token_accounts, self.venues
        )
        if simulation.error_code == BLOCKHASH_NOT_FOUND.code:
            # It is seconds old, so this node has not seen it yet: another one has.
            raise RpcUnavailable(f"{endpoint}: {simulation.error}")
        return simulation


async def simulate(rpc: RpcClient, run: DryRun) -> Simulation:
    """Run an unsigned transaction without landing it, on a node at its slot or later.

    A node that does not know its blockhash yet is passed over. Raises RpcUnavailable.
    """
    params = run.params()

    async def ask(endpoint: Endpoint) -> Simulation:
        answer = await endpoint.call("simulateTransaction", params)
        return run.read(answer, endpoint.name, rpc.pace)

    return await rpc.first(ask)


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
