"""simulateTransaction, and the same dry run as preflight of sends."""

from __future__ import annotations

from functools import partial
from typing import Any

from dex.localnet.meta import (
    balances,
    inner_instructions,
    loaded_accounts_data_size,
    return_data,
)
from dex.localnet.node import Node
from dex.localnet.parsing.instructions import parse_inner
from dex.localnet.runtime import Loaded, Outcome
from dex.localnet.transaction_errors import TransactionError

from .accounts import with_context
from .chain import latest_blockhash
from .encoding import account_encoding, account_json
from .rpc import Options, Params, invalid, pubkey, texts
from .transaction_input import decode_transaction, load_transaction, require_signatures

# What a simulation tells of balances. Preflight leaves it out, and so does a
# transaction that cannot be loaded.
BALANCES = (
    *("preBalances", "postBalances"),
    *("preTokenBalances", "postTokenBalances", "loadedAddresses"),
)


def simulate_transaction(node: Node, params: Params) -> Any:
    """Execute without landing; every answer has the members of agave's RPC."""
    options = params.options(1)
    raw = decode_transaction(params.text(0), options)
    slot = node.slot(options)
    loaded = load_transaction(raw, node, slot)
    replaces = options.flag("replaceRecentBlockhash")
    if options.flag("sigVerify"):
        if replaces:
            raise invalid("sigVerify may not be used with replaceRecentBlockhash")
        require_signatures(loaded)
    outcome = dry_run(node, loaded, slot, check_blockhash=not replaces)
    value = simulated(outcome)
    value["accounts"] = _accounts_after(node, slot, outcome, options)
    if options.flag("innerInstructions"):
        keys = [str(key) for key in outcome.loaded.keys]
        value["innerInstructions"] = parse_inner(inner_instructions(outcome), keys)
    if replaces:
        value["replacementBlockhash"] = latest_blockhash(node, slot)
    if outcome.before:
        value |= balances(outcome, partial(node.account, slot=slot))
    return with_context(slot, value)


def dry_run(node: Node, loaded: Loaded, slot: int, *, check_blockhash: bool) -> Outcome:
    """Return what a transaction would do in `slot`, or why it cannot land at all."""
    try:
        if check_blockhash:
            node.check(loaded, slot)
        return node.dry_run(loaded, slot)
    except TransactionError as error:
        return Outcome(loaded, error.error, [], 0, 0, {}, {})


def simulated(outcome: Outcome) -> dict[str, Any]:
    """Return the value of a simulation, which preflight errors carry as their data."""
    return {
        "accounts": None,
        "err": outcome.error,
        "fee": outcome.fee if outcome.before else None,
        "innerInstructions": None,
        "loadedAccountsDataSize": loaded_accounts_data_size(outcome.before),
        "logs": outcome.logs,
        "replacementBlockhash": None,
        "returnData": return_data(outcome),
        "unitsConsumed": outcome.units,
        **dict.fromkeys(BALANCES),
    }


def _accounts_after(
    node: Node, slot: int, outcome: Outcome, options: Options
) -> list[Any] | None:
    wanted = options.within("accounts")
    if wanted is None:
        return None
    if account_encoding(wanted, "base64") in ("binary", "base58"):
        raise invalid("base58 encoding not supported")
    addresses = texts("accounts.addresses", wanted.values.get("addresses"))
    most = len(outcome.loaded.keys)
    if len(addresses) > most:
        raise invalid(f"Too many accounts provided; max {most}")
    if outcome.error is not None:
        return [None] * len(addresses)
    after = {**outcome.before, **outcome.changes}
    read = partial(node.account, slot=slot)
    return [
        account_json(
            key,
            after[key] if key in after else read(key),
            wanted,
            lambda mint: after[mint] if mint in after else read(mint),
            default="base64",
        )
        for key in map(pubkey, addresses)
    ]


METHODS = {"simulateTransaction": simulate_transaction}
