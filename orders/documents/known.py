"""Every problem that a client may be told, as the code itself writes it.

The examples of the documents are made by the functions that make the real problems, so
that they cannot say anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from rest_framework.exceptions import NotAcceptable

from dex.errors import RpcUnavailable, WrongChain
from dex.models import Token
from orders.access import guards
from orders.access.authentication import csrf_failed
from orders.access.buckets import Decision
from orders.access.limits import REQUESTS, rate_limited
from orders.access.open_sockets import too_many_connections, too_many_sockets
from orders.access.principal import (
    Principal,
    Scope,
    authentication_required,
    invalid_key,
    invalid_ticket,
    right_lost,
)
from orders.access.sessions import require_own_origin
from orders.answers import bad_request
from orders.consumers import binary_message, unexpected_message
from orders.errors import (
    CancelConflict,
    ClientOrderIdConflict,
    IdempotencyConflict,
    OutcomeUnknown,
)
from orders.hosts import foreign_host
from orders.inputs import read_submission
from orders.parsers import MAX_DEPTH, check_size, parse_object, unsupported_media_type
from orders.problems import (
    FieldError,
    Problem,
    as_problem,
    headers_too_large,
    internal_error,
    invalid,
    method_not_allowed,
    not_found,
    order_not_found,
    request_timeout,
    too_many_frames,
    too_many_orders,
)
from orders.socket_query import wanted
from orders.statuses import Status

ORDER_ID = UUID("5f1f0dc4-6c43-4b1e-9f0c-0e9d2f1f6c11")


def _told(error: Exception) -> Problem:
    """Return what a client is told of an error."""
    problem = as_problem(error)
    assert problem is not None, error
    return problem


def _of(act: Callable[[], object]) -> Problem:
    """Return the problem that `act` ends with."""
    try:
        act()
    except Exception as error:
        return _told(error)
    raise AssertionError("it is no example of a problem")


def _read(query: bytes) -> Problem:
    return _of(lambda: wanted(query))


def _parsed(body: bytes) -> Problem:
    return _of(lambda: parse_object(body))


def _of_requests() -> list[Problem]:
    nobody = Principal(0, None, frozenset(), "key")
    return [
        bad_request(),
        foreign_host(),
        authentication_required(),
        invalid_key(),
        _of(lambda: nobody.require(Scope.TRADE)),
        csrf_failed("CSRF token missing."),
        not_found(),
        order_not_found(ORDER_ID),
        method_not_allowed("GET"),
        _told(NotAcceptable()),
        rate_limited(REQUESTS, Decision(0, 6_000, 0, retry_after_s=1)),
        internal_error(),
        request_timeout(),
        headers_too_large(),
        too_many_connections(4_000),
    ]


def _of_bodies() -> list[Problem]:
    too_fine = "The token has 9 decimals at most."
    return [
        _parsed(b"\xff"),
        _parsed(b""),
        _parsed(b"{"),
        _parsed(b"[]"),
        _parsed(b"[" * (MAX_DEPTH + 1)),
        _parsed(b'{"amountIn": 1e3}'),
        _parsed(b'{"amountIn": 1, "amountIn": 2}'),
        _of(lambda: check_size(settings.MAX_BODY_BYTES + 1)),
        unsupported_media_type(),
        invalid([FieldError("amountIn", "too_many_decimals", too_fine)]),
        _of(lambda: read_submission({}, owner_id=0, idempotency_key="")),
    ]


def _of_orders() -> list[Problem]:
    return [
        _told(IdempotencyConflict("This Idempotency-Key was used for another order.")),
        _told(ClientOrderIdConflict("Another order of yours has this clientOrderId.")),
        _told(
            CancelConflict("The order is already confirmed.", Status.CONFIRMED.value)
        ),
        _told(OutcomeUnknown(ORDER_ID)),
        _told(OperationalError()),
        _told(RpcUnavailable()),
        _told(WrongChain("The RPC endpoint serves another chain than before.")),
    ]


def _of_guards() -> list[Problem]:
    token = Token(
        symbol="A", mint="6yGnVpMwpjbZs5tuK3vWhRc4dGCLzUCHAhyeuVrFdYFJ", decimals=9
    )
    denials = (
        guards.not_trading(),
        guards.not_allowed(token),
        guards.too_large(token, 10**12, 2 * 10**12),
        guards.too_much_slippage(100, 500),
        guards.too_many_open(1_000, 1_000),
    )
    return [_told(denial) for denial in denials]


def _of_sockets() -> list[Problem]:
    return [
        invalid_ticket(),
        binary_message(),
        unexpected_message(),
        right_lost(),
        _of(lambda: require_own_origin({"headers": []})),
        too_many_sockets(1_000, "of one key", "SOCKETS_PER_KEY"),
        too_many_orders(2_000),
        too_many_frames(500),
        _read(b"x=1"),
        _read(b"orderId=x"),
        _read(f"orderId={ORDER_ID}&after=x".encode()),
        _read(f"orderId={ORDER_ID}&ticket=a&ticket=b".encode()),
        _read(b"after=1"),
    ]


@cache
def problems() -> dict[str, Problem]:
    """Return an example of every problem by its code."""
    found: dict[str, Problem] = {}
    for some in (_of_requests, _of_bodies, _of_orders, _of_guards, _of_sockets):
        for problem in some():
            assert problem.code not in found, problem.code
            found[problem.code] = problem
    return found
