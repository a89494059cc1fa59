"""How much one client may ask for: requests, orders, and keys that were wrong.

A client is the key that it proved, else the user who is logged in, else its address. So
nobody who only shares an address with others, as behind a proxy, can use up what is
theirs, and a key that counts is let in however many wrong ones come beside it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from django.conf import settings
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orders.problems import Problem
from orders.threads import in_thread

from .addresses import address_of_request
from .buckets import WINDOW_S, Buckets, Decision
from .principal import Principal, Scope
from .shared_buckets import SharedBuckets

REQUESTS, ORDERS, FAILURES = "requests", "orders", "failures"
_SETTINGS = {
    REQUESTS: "RATE_LIMIT_REQUESTS",
    ORDERS: "RATE_LIMIT_ORDERS",
    FAILURES: "RATE_LIMIT_FAILURES",
}
_SAID = {
    REQUESTS: "requests",
    ORDERS: "orders and cancellations",
    FAILURES: "requests with a key that does not count",
}


@dataclass(slots=True)
class Counted:
    """Against whom a request was counted, and how the bucket stands that matters most."""

    who: str = ""
    decision: Decision | None = None


def counted_of(meta: MutableMapping[str, Any]) -> Counted:
    """Return how a request was counted, by what WSGI calls its variables."""
    counted: Counted = meta.setdefault("dex.counted", Counted())
    return counted


def count_as(meta: MutableMapping[str, Any], counted: Counted) -> None:
    """Note how a request was counted."""
    meta["dex.counted"] = counted


class WithinLimits(BasePermission):
    """Counts a request of the API for who makes it, and one that trades as an order.

    The gate has counted it already; once more only where it did not know who makes it.
    A view that `counts_orders` itself does so when it knows that it was sent one.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        counted, who = counted_of(request.META), _client(request)
        if counted.who != who:
            _admit(counted, REQUESTS, who)
        trades = getattr(view, "scope", Scope.TRADE) is Scope.TRADE
        if trades and not getattr(view, "counts_orders", False):
            _admit(counted, ORDERS, who)
        return True


def count_order(request: Request) -> None:
    """Count a request of the API as an order. Raises the problem `rate_limited`."""
    _admit(counted_of(request.META), ORDERS, _client(request))


def _client(request: Request) -> str:
    return client_of(cast(Principal, request.auth), address_of_request(request.META))


def client_of(principal: Principal, address: str) -> str:
    """Name the client whose limits count."""
    if principal.key_id is not None:
        return f"key:{principal.key_id}"
    if principal.means == "session":
        return f"user:{principal.owner_id}"
    return f"address:{address}"


def count_unproved(refusal: Problem, address: str) -> None:
    """Count a proof that was refused. Raises the problem `rate_limited` in its place."""
    if refusal.code != "authentication_required":
        _refuse_above(FAILURES, buckets(FAILURES).take(f"address:{address}"))


async def admit_socket(who: str) -> None:
    """Count the opening of a socket, as a request. Raises the problem `rate_limited`."""
    _refuse_above(REQUESTS, await take_request(who))


async def take_request(who: str) -> Decision | None:
    """Count a request, mostly without a thread; None when there is no limit."""
    kept = buckets(REQUESTS)
    if kept.limit == 0:
        return None
    return kept.take_at_once(who) or await in_thread(kept.take, who)


def admit(kind: str, who: str, wanted: int) -> tuple[int, Problem | None]:
    """Count what comes together; return how many may go on, and what the rest is."""
    decision = buckets(kind).take(who, wanted)
    if decision is None or decision.granted == wanted:
        return wanted, None
    return decision.granted, rate_limited(kind, decision)


def found_spent(kind: str, who: str) -> Problem | None:
    """Return the refusal while a client is known to have nothing left, and count nothing."""
    decision = buckets(kind).found_empty(who)
    return None if decision is None else rate_limited(kind, decision)


def rate_limited(kind: str, decision: Decision) -> Problem:
    """The problem of a client that asks for more than its limit."""
    wait_s = decision.retry_after_s
    return Problem(
        429,
        "rate_limited",
        f"The limit is {decision.limit} {_SAID[kind]} in {WINDOW_S} seconds. Come back in "
        f"{wait_s} s, or have the operator raise {_SETTINGS[kind]}.",
        headers={"Retry-After": str(wait_s), **decision.headers()},
        members={
            "limit": decision.limit,
            "windowSeconds": WINDOW_S,
            "retryAfterSeconds": wait_s,
        },
    )


@cache
def buckets(kind: str) -> Buckets:
    """Return the buckets of requests, orders or failures."""
    limit = getattr(settings, _SETTINGS[kind])
    return Buckets(kind, limit, settings.WEB_PROCESSES, _store())


@cache
def _store() -> SharedBuckets:
    return SharedBuckets(settings.REDIS_URL)


def forget_limits() -> None:
    """Read the settings again and begin with no tokens taken ahead; for tests."""
    buckets.cache_clear()


def _admit(counted: Counted, kind: str, who: str) -> None:
    decision = buckets(kind).take(who)
    _refuse_above(kind, decision)
    if decision is not None:
        # The last is that of the orders, where there are two.
        counted.decision = decision


def _refuse_above(kind: str, decision: Decision | None) -> None:
    if decision is not None and decision.granted == 0:
        raise rate_limited(kind, decision)
