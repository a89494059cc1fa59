"""Completes the OpenAPI document: problems, headers, links, and what events look like.

drf-spectacular describes what the views and serializers declare. Every operation names in
PROBLEMS the codes of its errors (see operation.py); here each becomes a response with an
example, made by the code that makes the real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from orders.problems import MEDIA_TYPE, Problem
from orders.statuses import OrderType

from . import examples, frames
from .groups import ALWAYS, NO_OPERATION
from .json_schema import Schema, ref
from .known import ORDER_ID, problems
from .operation import PROBLEMS
from .problem_schema import example, field_error, problem

_METHODS = ("get", "post", "put", "patch", "delete")
_MEANING = {
    400: "The request is wrong: `code` and `errors` say where.",
    401: "No key, or one that does not count.",
    403: "You may not do this with what you sent to prove who you are.",
    404: "There is no such order, or it is somebody else's.",
    406: "The answer is JSON, and `Accept` does not allow that.",
    409: "It conflicts with what there is.",
    413: "The body is over 64 KiB.",
    415: "The body is not application/json in UTF-8.",
    422: "The Idempotency-Key was used for another order, or a guard on money denies this "
    "one: `rule`, `limit` and `value` say why.",
    429: "More than the limit of the client; try again after Retry-After seconds.",
    500: "The server failed. Nothing says whether what you asked for was done.",
    503: "Something that this needs did not answer, or trading is halted; try again after "
    "Retry-After seconds. With `outcome_unknown`, repeat with the same Idempotency-Key.",
}
_SECONDS: Schema = {"type": "string", "pattern": "^[0-9]+$"}
_TEXT: Schema = {"type": "string"}
# Of every answer, and of those with some status: what it says, its form, is it always there.
_HEADERS: dict[int | None, dict[str, tuple[str, Schema, bool]]] = {
    None: {
        "X-Request-ID": (
            "The name of this request in the logs; yours, if you sent a fit one.",
            _TEXT,
            True,
        ),
        "RateLimit-Limit": (
            "The limit you came closest to, in a minute.",
            _SECONDS,
            False,
        ),
        "RateLimit-Remaining": ("What is left of it.", _SECONDS, False),
        "RateLimit-Reset": ("In how many seconds all of it is back.", _SECONDS, False),
    },
    401: {"WWW-Authenticate": ("Bearer", {"const": "Bearer"}, True)},
    415: {"Accept-Post": ("What a body must be.", _TEXT, True)},
    429: {"Retry-After": ("In seconds.", _SECONDS, True)},
    503: {"Retry-After": ("In seconds.", _SECONDS, True)},
}
_ORDER_HEADERS = {
    "Location": ("Where the order is.", _TEXT, True),
    "Idempotency-Replayed": ("true: it was stored before.", _TEXT, False),
}
_ORDER_LINKS = {
    "order": ("retrieveOrder", "order_id", "$response.body#/orderId"),
    "cancel": ("cancelOrder", "order_id", "$response.body#/orderId"),
    "ticket": ("makeTicket", "order_id", "$response.body#/orderId"),
    "byName": (
        "retrieveOrderByClientId",
        "client_order_id",
        "$request.body#/clientOrderId",
    ),
}


def complete(result: dict[str, Any], **options: Any) -> dict[str, Any]:
    """drf-spectacular's postprocessing hook: return the whole document."""
    used: set[str] = set(NO_OPERATION)
    for path, operation in _operations(result):
        codes = {*ALWAYS, *operation.pop(PROBLEMS)}
        used |= codes
        operation["responses"] |= _responses(codes, path)
        for status, response in operation["responses"].items():
            response.setdefault("headers", {}).update(_headers(int(status)))
        if (answer := examples.ANSWERS.get(operation["operationId"])) is not None:
            content = operation["responses"]["200"]["content"]["application/json"]
            content["examples"] = {"OK": {"value": answer}}
        if operation["operationId"] == "executeOrder":
            for status in ("200", "201"):
                response = operation["responses"][status]
                response["headers"] |= _shown_headers(_ORDER_HEADERS)
                response["links"] = _links()
    schemas = result["components"]["schemas"]
    schemas["FieldError"] = field_error()
    schemas["Problem"] = problem(used)
    schemas["Event"] = frames.any_event()
    schemas |= frames.QUOTES
    schemas.pop("Lost")
    for name in ("OrderRequest", "QuoteRequest"):
        schemas[name]["additionalProperties"] = False
    schemas["OrderDetail"]["properties"]["quotes"] = {
        "type": "array",
        "items": ref("QuoteOfAttempt"),
        "readOnly": True,
    }
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in result["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, item[method]


def _responses(codes: Iterable[str], path: str) -> dict[str, Any]:
    """One response for each status, its codes enumerated and each shown."""
    shown = sorted((problems()[code] for code in codes), key=_by_status)
    return {
        str(status): _response(status, list(of_status), path)
        for status, of_status in groupby(shown, key=lambda found: found.status)
    }


def _by_status(found: Problem) -> tuple[int, str]:
    return found.status, found.code


def _response(status: int, shown: list[Problem], path: str) -> dict[str, Any]:
    code: Schema = {"type": "string", "enum": [found.code for found in shown]}
    only = {"type": "object", "properties": {"code": code, "status": {"const": status}}}
    instance = path.replace("{order_id}", str(ORDER_ID))
    shown_as = {
        found.code: {"value": example(found, instance, "0c9b7a")} for found in shown
    }
    schema = {"allOf": [ref("Problem"), only]}
    return {
        "description": _MEANING[status],
        "content": {MEDIA_TYPE: {"schema": schema, "examples": shown_as}},
    }


def _headers(status: int) -> dict[str, Any]:
    return _shown_headers({**_HEADERS[None], **_HEADERS.get(status, {})})


def _shown_headers(named: Mapping[str, tuple[str, Schema, bool]]) -> dict[str, Any]:
    return {
        name: {"description": text, "required": is_always, "schema": form}
        for name, (text, form, is_always) in named.items()
    }


def _links() -> dict[str, Any]:
    return {
        name: {"operationId": operation, "parameters": {parameter: expression}}
        for name, (operation, parameter, expression) in _ORDER_LINKS.items()
    }


def order_request() -> Schema:
    """Return what an order must look like, without references."""
    schemas = SchemaGenerator().get_schema(public=True)["components"]["schemas"]  # type: ignore[no-untyped-call]
    order: Schema = schemas["OrderRequest"]
    kind = {"type": "string", "enum": OrderType.values}
    return {**order, "properties": {**order["properties"], "type": kind}}
