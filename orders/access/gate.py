"""Every request and every handshake is counted here, before anything is asked about it.

It counts against the key that comes with it, where that key counted when this process last
looked it up; else against the address. So whoever guesses keys, tries addresses out or
reads documents costs nothing beyond the limit of their address. From an address that has
used up its limit a key that is live still gets in: one query a second tells it of all keys.
"""

from __future__ import annotations

import logging

from django.db import Error

from orders.problems import Problem
from orders.threads import in_thread

from .keys import is_live, known_key
from .limits import FAILURES, REQUESTS, Counted, buckets, rate_limited, take_request

logger = logging.getLogger(__name__)


def count_request(key: str | None, address: str) -> Counted:
    """Count a request with this key, or none. Raises the problem `rate_limited`."""
    who = _who(key, address)
    return _let_in(Counted(who, buckets(REQUESTS).take(who)), key, address)


async def count_handshake(key: str | None, address: str) -> Counted:
    """Count a handshake as count_request() does, mostly without a thread."""
    who = _who(key, address)
    counted = Counted(who, await take_request(who))
    if _refusal(counted, key, address) is None:
        return counted
    return await in_thread(_let_in, counted, key, address)


def _who(key: str | None, address: str) -> str:
    key_id = known_key(key) if key is not None else None
    return f"address:{address}" if key_id is None else f"key:{key_id}"


def _let_in(counted: Counted, key: str | None, address: str) -> Counted:
    refusal = _refusal(counted, key, address)
    if refusal is None or (_is_of_address(counted) and _may_be_good(key)):
        return counted
    raise refusal


def _refusal(counted: Counted, key: str | None, address: str) -> Problem | None:
    """Say what keeps a request out unless its key is live."""
    if counted.decision is not None and counted.decision.granted == 0:
        return rate_limited(REQUESTS, counted.decision)
    if key is not None and _is_of_address(counted):
        spent = buckets(FAILURES).found_empty(f"address:{address}")
        if spent is not None:
            return rate_limited(FAILURES, spent)
    return None


def _is_of_address(counted: Counted) -> bool:
    return counted.who.startswith("address:")


def _may_be_good(key: str | None) -> bool:
    try:
        return key is not None and is_live(key)
    except Error as error:
        logger.warning("nobody knows which keys are live: %r", error)
        return False
