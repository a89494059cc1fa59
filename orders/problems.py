"""What went wrong, said in one shape by REST and socket: RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from http import HTTPStatus
from typing import Any, cast

from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as rest

from dex.errors import RpcUnavailable, WrongChain

from .access.hidden import hide_all
from .errors import (
    CancelConflict,
    ClientOrderIdConflict,
    DatabaseUnavailable,
    IdempotencyConflict,
    NotTrading,
    OrderDenied,
    OutcomeUnknown,
    TooManyOpenOrders,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
HALT_RETRY_AFTER_S = 60  # an operator looks first


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request, with a stable code.

    `denial` has the rule, limit and value, where a guard on money refuses the field.
    """

    field: str
    code: str
    message: str
    denial: Mapping[str, str] = dataclass_field(default_factory=dict)

    def body(self) -> dict[str, str]:
        named = {"field": self.field, "code": self.code, "message": self.message}
        return {**named, **self.denial}


class Problem(Exception):
    """A request that cannot be fulfilled; `code` is stable, `detail` is for people.

    `members` are further members of the body, beside those of RFC 9457.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def body(self, *, instance: str, request_id: str = "") -> dict[str, Any]:
        """Write the problem as JSON, without keys and tickets that the request had.

        `type` is about:blank: `code` tells them apart.
        """
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            **self.members,
        }
        if request_id:
            body["requestId"] = request_id
        if self.errors:
            body["errors"] = [error.body() for error in self.errors]
        return cast(dict[str, Any], hide_all(body))


def invalid(errors: Sequence[FieldError]) -> Problem:
    """The problem of a request whose fields are wrong."""
    return Problem(
        400, "validation_failed", "The request has invalid fields.", errors=errors
    )


def not_found(detail: str = "Nothing is at this address.") -> Problem:
    return Problem(404, "not_found", detail)


def method_not_allowed(methods: str) -> Problem:
    return Problem(405, "method_not_allowed", f"Use {methods} at this address.")


def order_not_found(order_id: object) -> Problem:
    return Problem(404, "order_not_found", f"There is no order {order_id}.")


def too_many_orders(limit: int) -> Problem:
    """The problem of a socket that follows as many open orders as it may."""
    return Problem(
        429,
        "too_many_orders",
        f"The limit is {limit} open orders of one socket. Wait until some have ended, or "
        "open another socket; the operator can raise SOCKET_ORDERS.",
        members={"limit": limit},
    )


def too_many_frames(limit: int) -> Problem:
    """The problem of a client that sends frames faster than anybody has orders."""
    return Problem(
        429,
        "too_many_frames",
        f"The limit is {limit} frames a second, pings and fragments among them. Send more "
        "slowly; the operator can raise SOCKET_FRAMES_PER_S.",
        members={"limit": limit},
    )


def request_timeout() -> Problem:
    """The problem of a request that comes too slowly."""
    return Problem(
        408,
        "request_timeout",
        "The request did not arrive as a whole in time. Send it faster, over a new "
        "connection; the operator can raise REQUEST_ARRIVAL_S.",
    )


def headers_too_large() -> Problem:
    """The problem of a request that says too much before its body."""
    return Problem(
        431,
        "headers_too_large",
        "The request line and the headers may have 16 KiB together, in 500 headers at "
        "most. Send less.",
    )


def internal_error() -> Problem:
    return Problem(
        500,
        "internal_error",
        "The server failed. Quote the request id when you report it.",
    )


def _unavailable(
    code: str, detail: str, after_s: int = RETRY_AFTER_S, **members: Any
) -> Problem:
    """The problem of what may be asked again: in the body too, for sockets."""
    return Problem(
        503,
        code,
        detail,
        headers={"Retry-After": str(after_s)},
        members={"retryAfterSeconds": after_s, **members},
    )


def _cancel_conflict(error: CancelConflict) -> Problem:
    members = {"orderStatus": error.status}
    return Problem(409, error.code, str(error), members=members)


def _order_denied(error: OrderDenied) -> Problem:
    members = {"rule": error.rule, "limit": error.limit, "value": error.value}
    if isinstance(error, NotTrading):
        return _unavailable(error.code, str(error), HALT_RETRY_AFTER_S, **members)
    status = 409 if isinstance(error, TooManyOpenOrders) else 422
    return Problem(status, error.code, str(error), members=members)


def _outcome_unknown(error: OutcomeUnknown) -> Problem:
    return _unavailable(error.code, str(error), orderId=str(error.order_id))


def _database_unavailable(error: Exception) -> Problem:
    return _unavailable(
        DatabaseUnavailable.code,
        "The database did not answer. Try again in a moment.",
    )


def _rpc_unavailable(error: Exception) -> Problem:
    return _unavailable(
        RpcUnavailable.code,
        "No Solana RPC endpoint gave a usable answer. Try again in a moment.",
    )


def _rest(error: rest.APIException) -> Problem:
    code = str(error.default_code)
    return Problem(error.status_code, code, str(error.detail))


_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda error: error,
    IdempotencyConflict: lambda error: Problem(422, error.code, str(error)),
    ClientOrderIdConflict: lambda error: Problem(409, error.code, str(error)),
    CancelConflict: _cancel_conflict,
    OrderDenied: _order_denied,
    OutcomeUnknown: _outcome_unknown,
    DatabaseUnavailable: _database_unavailable,
    OperationalError: _database_unavailable,
    InterfaceError: _database_unavailable,
    RpcUnavailable: _rpc_unavailable,
    WrongChain: lambda error: _unavailable(error.code, str(error)),
    Http404: lambda error: not_found(),
    rest.APIException: _rest,
}


def as_problem(error: Exception) -> Problem | None:
    """Say an expected error as a problem; None for an unexpected one, which is a bug."""
    for kind, problem in _PROBLEMS.items():
        if isinstance(error, kind):
            return problem(error)
    return None
