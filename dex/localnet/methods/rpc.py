"""JSON-RPC 2.0: parameters and errors, as real nodes read and write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature

from dex.amounts import U64_MAX

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
BLOCK_CLEANED_UP = -32001
SEND_PREFLIGHT_FAILURE = -32002
SIGNATURE_VERIFICATION_FAILURE = -32003
BLOCK_NOT_AVAILABLE = -32004
NODE_UNHEALTHY = -32005
NO_SNAPSHOT = -32008
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


TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "floating point",
    list: "sequence",
    dict: "map",
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

    def required(self, position: int) -> Any:
        value = self.get(position)
        if value is None:
            raise invalid(f"`params` should have at least {position + 1} argument(s)")
        return value

    def text(self, position: int) -> str:
        value = self.required(position)
        if not isinstance(value, str):
            raise wrong_type(f"params[{position}]", value, "a string")
        return value

    def number(self, position: int) -> int:
        return whole_number(f"params[{position}]", self.required(position))

    def pubkey(self, position: int) -> Pubkey:
        return pubkey(self.text(position))

    def texts(self, position: int, *, most: int) -> list[str]:
        """Return a list of strings, at most `most` of them."""
        values = texts(f"params[{position}]", self.required(position))
        if len(values) > most:
            raise invalid(f"Too many inputs provided; max {most}")
        return values

    def options(self, position: int, *, may_be_encoding: bool = False) -> Options:
        """Return the options; some methods still take a bare encoding in their place."""
        value = self.get(position)
        if may_be_encoding and isinstance(value, str):
            value = {"encoding": value}
        return Options(value, f"params[{position}]")


class Options:
    """The last parameter of most methods; null members count as absent."""

    def __init__(self, values: Any, name: str = "options") -> None:
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise wrong_type(name, values, "a map")
        self.values: Mapping[str, Any] = values

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise wrong_type(name, value, "a boolean")
        return value

    def number(self, name: str) -> int | None:
        value = self.values.get(name)
        return None if value is None else whole_number(name, value)

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, value, "a string")
        return value

    def choice(self, name: str, variants: Sequence[str], default: str) -> str:
        """Return one of the texts that this member may have."""
        given = self.text(name)
        value = default if given is None else given
        if value not in variants:
            expected = ", ".join(f"`{variant}`" for variant in variants)
            raise invalid(
                f"Invalid params: {name}: unknown variant `{value}`, "
                f"expected one of {expected}."
            )
        return value

    def within(self, name: str) -> Options | None:
        """Return the options that this member holds, None when it is absent."""
        value = self.values.get(name)
        return None if value is None else Options(value, name)

    def commitment(self, name: str = "commitment") -> str:
        """Return processed, confirmed or finalized (the default of real nodes)."""
        return COMMITMENTS[self.choice(name, tuple(COMMITMENTS), "finalized")]


def texts(name: str, values: Any) -> list[str]:
    """Check that a value is a list of strings, and return it."""
    if not isinstance(values, list):
        raise wrong_type(name, values, "a sequence")
    for value in values:
        if not isinstance(value, str):
            raise wrong_type(name, value, "a string")
    return values


def whole_number(name: str, value: Any) -> int:
    """Check that a value is an integer of 64 bits without sign, and return it."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or not 0 <= value <= U64_MAX:
        raise wrong_type(name, value, "u64")
    return int(value)


def wrong_type(name: str, value: Any, expected: str) -> RpcError:
    """Return the error of a value that has another type than `name` takes."""
    kind = TYPES.get(type(value), "value")
    shown = json.dumps(value) if not isinstance(value, list | dict) else "…"
    return invalid(
        f"Invalid params: {name}: invalid type: {kind} `{shown}`, expected {expected}."
    )


def pubkey(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise _malformed(error) from None


def signature(text: str) -> str:
    """Check that a text is a signature, and return it."""
    try:
        return str(Signature.from_string(text))
    except ValueError as error:
        raise _malformed(error) from None


def blockhash(text: str) -> Hash:
    try:
        return Hash.from_string(text)
    except (ParseHashError, ValueError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> RpcError:
    """Say in the words of real nodes why a text is no key, signature or hash."""
    return invalid(
        f"Invalid param: {'WrongSize' if 'size' in str(error) else 'Invalid'}"
    )
