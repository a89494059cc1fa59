"""JSON-RPC 2.0: bodies with one call or a batch of them, and their answers."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dex.amounts import U64_MAX

from .arity import check_arity
from .rpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Params,
    RpcError,
)

if TYPE_CHECKING:
    from dex.localnet.node import Node

logger = logging.getLogger(__name__)
Method = Callable[["Node", Params], Any]

# A longer answer is refused. Once the answers to a body are longer together, the rest of its
# calls is not done: so no body has an answer of more than twice this.
MAX_ANSWER_BYTES = 16 * 2**20


def answer_call(methods: Mapping[str, Method], node: Node, call: Any) -> Any:
    """Answer one call of a body; None for a notification, which has no answer."""
    if not isinstance(call, dict):
        return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
    identity = call.get("id")
    name = call.get("method")
    if call.get("jsonrpc") != "2.0" or not isinstance(name, str):
        return _failed(identity, RpcError(INVALID_REQUEST, "Invalid request"))
    try:
        if name not in methods:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        params = Params(call.get("params"))
        check_arity(name, len(params.values))
        result = methods[name](node, params)
    except RpcError as error:
        return _failed(identity, error) if "id" in call else None
    except sqlite3.Error:
        raise  # the server stops: see there
    except Exception:
        logger.exception("%s failed", name)
        return _failed(identity, RpcError(INTERNAL_ERROR, "Internal error"))
    if "id" not in call:
        return None
    return {"jsonrpc": "2.0", "result": result, "id": identity}


def answer_body(methods: Mapping[str, Method], node: Node, body: Any) -> str | None:
    """Answer a parsed body in JSON: one call, or a batch of them in the order given.

    None when it holds nothing but notifications.
    """
    calls = body if isinstance(body, list) else [body]
    if not calls:
        return as_json(_failed(None, RpcError(INVALID_REQUEST, "Invalid request")))
    if not all(map(_may_be_identified, calls)):
        return parse_error()
    answers: list[str] = []
    length = 0
    for call in calls:
        if length > MAX_ANSWER_BYTES:
            answer = _undone(call)
        else:
            answer = answer_call(methods, node, call)
        if answer is not None:
            answers.append(_bounded(answer))
            length += len(answers[-1])
    if not answers:
        return None
    return f"[{','.join(answers)}]" if isinstance(body, list) else answers[0]


def as_json(message: Any) -> str:
    """Return a message as real nodes write it, without spaces; all of it is ASCII."""
    return json.dumps(message, separators=(",", ":"))


def parse_error() -> str:
    return as_json(_failed(None, RpcError(PARSE_ERROR, "Parse error")))


def _may_be_identified(call: Any) -> bool:
    """Say whether real nodes can read the id of a call; one they cannot spoils the body.

    See Id and Request in paritytech/jsonrpc, core/src/types/.
    """
    identity = call.get("id") if isinstance(call, dict) else None
    if isinstance(identity, int) and not isinstance(identity, bool):
        return 0 <= identity <= U64_MAX
    return identity is None or isinstance(identity, str)


def _bounded(answer: dict[str, Any]) -> str:
    text = as_json(answer)
    if len(text) <= MAX_ANSWER_BYTES:
        return text
    return as_json(_failed(answer["id"], _too_long("This answer is")))


def _undone(call: Any) -> dict[str, Any] | None:
    """Refuse what is left of a body whose answers are long enough."""
    if not isinstance(call, dict):
        return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
    error = _too_long("Not done: the answers before are")
    return _failed(call["id"], error) if "id" in call else None


def _too_long(what: str) -> RpcError:
    limit = f"{MAX_ANSWER_BYTES / 2**20:g} MiB"
    return RpcError(
        INVALID_REQUEST, f"{what} longer than {limit}; ask for less at once"
    )


def _failed(identity: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": error.as_json(), "id": identity}
