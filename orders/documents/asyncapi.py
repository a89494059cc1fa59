"""The AsyncAPI 3.0 document of the sockets, made of the constants that the code goes by."""

from __future__ import annotations

from typing import Any

from orders.close_codes import close_codes
from orders.origins import EXECUTE_PATH
from orders.statuses import Status

from . import examples, frames, socket_proofs
from .groups import FOLLOWING, PLACING
from .json_schema import UUID, Schema, ref
from .known import problems
from .openapi import order_request
from .problem_schema import example, field_error, problem

_QUERY: Schema = {
    "type": "object",
    "properties": {
        "orderId": UUID | {"description": "The order to follow."},
        "after": {
            "type": "integer",
            "minimum": 0,
            "maximum": 999_999_999,
            "default": 0,
            "description": "The last `sequence` that you have: the stream goes on after it.",
        },
        "ticket": {
            "type": "string",
            "description": "As `wsUrl` has it. It stands for the key, for this one order "
            "and 15 minutes, where no header can be sent.",
        },
    },
    "additionalProperties": False,
}
_ABOUT = """\
One address, two uses. With `orderId` a socket streams one order, first what has happened,
then what happens, and closes with 1000 after the last event. Without it each message that you
send is one order, answered once and in turn; the events of all your orders follow on the same
socket. A frame with `sequence` is an event, one with `wsUrl` an accepted order, one with `code`
a problem.
"""


def document(server: str, *, secure: bool, version: str) -> dict[str, Any]:
    """Return the document, for who reaches the site as `server` (host and port)."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DEX order engine: sockets",
            "version": version,
            "description": _ABOUT,
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": server,
                "protocol": "wss" if secure else "ws",
                "description": socket_proofs.ABOUT,
                "security": _proofs(*socket_proofs.FOLLOWING),
            }
        },
        "channels": {"follow": _follow(), "place": _place()},
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "schemas": schemas(),
            "securitySchemes": socket_proofs.schemes(),
        },
    }


def schemas() -> dict[str, Schema]:
    """Return the shape of everything that goes over a socket."""
    return {
        **{_event_name(status): frames.event(status) for status in Status},
        **frames.QUOTES,
        "Accepted": frames.accepted(),
        "Order": _order(),
        "FieldError": field_error(),
        "FollowProblem": problem(FOLLOWING),
        "PlaceProblem": problem(PLACING),
    }


def _order() -> Schema:
    """The body of the POST, and the key that a POST has in a header."""
    schema = order_request()
    key = {
        "type": "string",
        "pattern": "^[!-~]{1,255}$",
        "description": "Sent again with the same key, the order is answered with the first.",
    }
    properties = {**schema["properties"], "idempotencyKey": key}
    return {**schema, "properties": properties}


def _component(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def _proofs(*names: str) -> list[Schema]:
    return [_component("securitySchemes", name) for name in names]


def _event_name(status: Status) -> str:
    return f"{status.value.capitalize()}Event"


def _channel(title: str, names: list[str], query: Schema) -> dict[str, Any]:
    return {
        "address": EXECUTE_PATH,
        "title": title,
        "messages": {name: _component("messages", name) for name in names},
        "bindings": {
            "ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}
        },
        "x-close-codes": {
            str(code): {"means": means, "whatToDo": what_to_do}
            for code, (means, what_to_do) in close_codes().items()
        },
    }


_EVENTS = [_event_name(status) for status in Status]


def _follow() -> dict[str, Any]:
    query = {**_QUERY, "required": ["orderId"]}
    return _channel("Follow one order", [*_EVENTS, "FollowProblem"], query)


def _place() -> dict[str, Any]:
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    names = ["Order", "Accepted", *_EVENTS, "PlaceProblem"]
    return _channel("Place orders and follow them all", names, nothing)


def _operations() -> dict[str, Any]:
    return {
        "followOrder": {
            "action": "send",
            "channel": {"$ref": "#/channels/follow"},
            "summary": "The engine sends the events of one order.",
            "security": _proofs(*socket_proofs.FOLLOWING),
            "messages": _of("follow", [*_EVENTS, "FollowProblem"]),
        },
        "placeOrder": {
            "action": "receive",
            "channel": {"$ref": "#/channels/place"},
            "summary": "The engine takes an order and answers it.",
            "security": _proofs(*socket_proofs.PLACING),
            "messages": _of("place", ["Order"]),
            "reply": {
                "channel": {"$ref": "#/channels/place"},
                "messages": _of("place", ["Accepted", "PlaceProblem"]),
            },
        },
        "followPlaced": {
            "action": "send",
            "channel": {"$ref": "#/channels/place"},
            "summary": "The engine sends the events of the orders placed here.",
            "security": _proofs(*socket_proofs.PLACING),
            "messages": _of("place", _EVENTS),
        },
    }


def _of(channel: str, names: list[str]) -> list[Schema]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def _messages() -> dict[str, Any]:
    shown = {
        **{_event_name(status): [examples.EVENTS[status]] for status in Status},
        "Accepted": [examples.ACCEPTED],
        "Order": [examples.ORDER],
        "FollowProblem": _shown(FOLLOWING),
        "PlaceProblem": _shown(PLACING),
    }
    return {
        name: {
            "name": name,
            "title": name,
            "payload": ref(name),
            "examples": [{"payload": payload} for payload in payloads],
        }
        for name, payloads in shown.items()
    }


def _shown(codes: tuple[str, ...]) -> list[dict[str, Any]]:
    return [example(problems()[code], EXECUTE_PATH) for code in dict.fromkeys(codes)]
