"""JSON-RPC 2.0: parameters, errors and bodies, as real nodes read and write them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

if TYPE_CHECKING:
    from dex.localnet.node import Node

logger = logging.getLogger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SEND_PREFLIGHT_FAILURE = -32002
SIGNATURE_VERIFICATION_FAILURE = -32003
TRANSACTION_VERSION_UNSUPPORTED = -32015
MIN_CONTEXT_SLOT_NOT_REACHED = -32016

COMMITMENTS = {
    "processed": "processed",
    "confirmed": "confirmed",
    "finalized": "finalized",
    # The words of old clients.
    "recent": "processed",
    "single": "confirmed",
    "singleGossip": "confirmed",
    "root": "finalized",
    "max": "finalized",
}


class RpcError(Exception):
    """A JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, Any]:
        body = {"code": self.code, "message": self.message}
        return body if self.data is None else {**body, "data": self.data}


def invalid(message: str) -> RpcError:
    return RpcError(INVALID_PARAMS, message)


class Params:
    """The positional parameters of one call; null counts as absent."""

    def __init__(self, values: Any) -> None:
        if values is None:
            values = []
        if not isinstance(values, list):
            raise invalid("`params` should be an array")
        self.values = values

    def get(self, position: int) -> Any:
        return self.values[position] if position < len(self.values) else None

    def text(self, position: int) -> str:
        value = self.get(position)
        if value is None:
            raise invalid(f"`params` should have at least {position + 1} argument(s)")
        if not isinstance(value, str):
            raise invalid(
                f"Invalid params: invalid type: {value!r}, expected a string."
            )
        return value

    def pubkey(self, position: int) -> Pubkey:
        return pubkey(self.text(position))

    def texts(self, position: int, *, most: int) -> list[str]:
        """Return a list of strings, at most `most` of them."""
        values = self.get(position)
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise invalid("Invalid params: expected a sequence of strings.")
        if len(values) > most:
            raise invalid(f"Too many inputs provided; max {most}")
        return values

    def options(self, position: int) -> Options:
        value = self.get(position)
        # A bare string is the encoding, as old clients send it.
        return Options({"encoding": value} if isinstance(value, str) else value)


class Options:
    """The last parameter of most methods; null members count as absent."""

    def __init__(self, values: Any) -> None:
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise invalid("Invalid params: expected a map of options.")
        self.values: Mapping[str, Any] = values

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise invalid(f"Invalid params: {name} should be a boolean.")
        return value

    def number(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise invalid(f"Invalid params: {name} should be a whole number.")
        return value

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"Invalid params: {name} should be a string.")
        return value

    def commitment(self, name: str = "commitment") -> str:
        """Return processed, confirmed or finalized (the default of real nodes)."""
        value = self.text(name) or "finalized"
        if value not in COMMITMENTS:
            raise invalid(f"Invalid params: unknown variant `{value}`.")
        return COMMITMENTS[value]


Method = Callable[["Node", Params], Any]


def pubkey(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise invalid("Invalid param: Invalid") from None


def signature(text: str) -> str:
    """Check that a text is a signature, and return it."""
    try:
        return str(Signature.from_string(text))
    except ValueError:
        raise invalid("Invalid param: Invalid") from None


def blockhash(text: str) -> Hash:
    try:
        return Hash.from_string(text)
    except ValueError:
        raise invalid("Invalid param: Invalid") from None


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
