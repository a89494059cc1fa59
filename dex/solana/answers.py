"""JSON-RPC answers: which belongs to which call, and what kind of answer it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dex.errors import RpcRejected, RpcUnavailable

from .decoding import is_count

# JSON-RPC errors that speak of the node and not of the request: another node, or the
# same one a little later, may answer. Source: anza-xyz/agave,
# rpc-client-api/src/custom_error.rs; 429 in two spellings is providers' own.
NODE_ERRORS = {
    -32603: "internal error",
    -32004: "block not available",
    -32005: "node is unhealthy",
    -32011: "node keeps no transaction history",
    -32014: "block status not available yet",
    -32016: "node has not reached the minimum context slot",
    -32019: "the node's history store is unreachable",
    -32429: "too many requests",
    429: "too many requests",
}
# Those that say that it should be asked less, whatever it is asked for.
UNWELL = (-32005, -32429, 429)

MAX_MESSAGE = 500


class NoAnswer(RpcUnavailable):
    """A document came, and holds no answer to this call."""


def _is_object(result: Any) -> bool:
    return isinstance(result, dict)


def _has_context(result: Any) -> bool:
    match result:
        case {"context": {"slot": slot}, "value": _}:
            return is_count(slot)
    return False


# What a result is at least; whoever reads it looks closer. A node that sends anything
# else is as useless as one that is away.
SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "getBalance": _has_context,
    "getBlockHeight": is_count,
    "getEpochInfo": _is_object,
    "getGenesisHash": lambda result: isinstance(result, str),
    "getLatestBlockhash": _has_context,
    "getAccountInfo": _has_context,
    "getMultipleAccounts": _has_context,
    "getSignaturesForAddress": lambda result: isinstance(result, list),
    "getSignatureStatuses": _has_context,
    "getSlot": is_count,
    "getTransaction": lambda result: result is None or isinstance(result, dict),
    "getVersion": _is_object,
    "isBlockhashValid": _has_context,
    "sendTransaction": lambda result: isinstance(result, str),
    "simulateTransaction": _has_context,
}


def by_id(document: Any) -> dict[int, dict[str, Any]]:
    """Return the entries of a document by the id of their call.

    An id that is there twice is left out: nobody can tell which answer is meant.
    """
    if not isinstance(document, (dict, list)):
        return {}
    entries: dict[int, dict[str, Any]] = {}
    repeated: set[int] = set()
    for entry in document if isinstance(document, list) else [document]:
        if isinstance(entry, dict) and type(entry.get("id")) is int:
            if entry["id"] in entries:
                repeated.add(entry["id"])
            entries[entry["id"]] = entry
    return {id_: entry for id_, entry in entries.items() if id_ not in repeated}


def result_of(
    entry: dict[str, Any] | None, method: str, endpoint: str, *, sent: int
) -> Any:
    """Return what one entry answers to a call of `method`, of a request with `sent` calls.

    Raises NoAnswer, RpcUnavailable for an error of the node, RpcRejected for one of the
    request.
    """
    match entry:
        case {"error": {"code": code, **rest}} if type(code) is int:
            if code in NODE_ERRORS:
                raise RpcUnavailable(f"{endpoint}: {NODE_ERRORS[code]} ({code})")
            message = str(rest.get("message", ""))[:MAX_MESSAGE]
            raise RpcRejected(code, message, rest.get("data"))
        case {"error": error} if error is not None:
            pass  # an error without a code is none that anybody can act upon
        case {"result": result}:
            if method in SHAPES and not SHAPES[method](result):
                raise NoAnswer(f"{endpoint}: {method} without a usable answer")
            return result
    hint = " (set RPC_BATCH_SIZE=1 if it refuses batches)" if sent > 1 else ""
    raise NoAnswer(f"{endpoint}: a call was left without an answer{hint}")


def is_unwell(entry: dict[str, Any] | None) -> bool:
    """Whether this answer says that the node itself is not well."""
    match entry:
        case {"error": {"code": code}} if type(code) is int:
            return code in UNWELL
    return False
