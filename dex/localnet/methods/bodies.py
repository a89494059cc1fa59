"""JSON-RPC 2.0: bodies with one call or a batch of them, and their answers."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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


def answer_call(methods: Mapping[str, Method], node: Node, call: Any) -> Any:
    """Answer one call of a body; None for a notification, which has no answer."""
    if not isinstance(call, dict):
        return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
    identity = call.get("id")
    name = call.get("method")
    if isinstance(identity, bool) or not isinstance(identity, str | int | None):
        return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
    if call.get("jsonrpc") != "2.0" or not isinstance(name, str):
        return _failed(identity, RpcError(INVALID_REQUEST, "Invalid request"))
    try:
        if name not in methods:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        result = methods[name](node, Params(call.get("params")))
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


def answer_body(methods: Mapping[str, Method], node: Node, body: Any) -> Any:
    """Answer a parsed body: one call, or a batch of them in the order given."""
    if not isinstance(body, list):
        return answer_call(methods, node, body)
    if not body:
        return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
    answers = [answer_call(methods, node, call) for call in body]
    return [answer for answer in answers if answer is not None] or None


def parse_error() -> Any:
    return _failed(None, RpcError(PARSE_ERROR, "Parse error"))


def _failed(identity: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": error.as_json(), "id": identity}
