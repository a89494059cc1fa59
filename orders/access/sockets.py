"""Who opens a socket: asked once, at its beginning, and mostly without a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from orders.problems import Problem
from orders.threads import in_thread

from .addresses import address_of_socket
from .authentication import (
    anonymous_principal,
    bearer_key,
    principal_of_header,
    remembered_anonymous,
    sent_key,
)
from .holders import Holder
from .keys import remembered_key
from .limits import count_unproved
from .principal import Principal, invalid_key, invalid_ticket
from .sessions import principal_of_session, require_own_origin, session_cookie
from .tickets import read_ticket

# What a page in a browser can send instead of a header: `new WebSocket(url, ["dex.v1",
# "key.<key>"])`. Only the first is answered, for the other is a secret.
SUBPROTOCOL = "dex.v1"
_KEY_PROTOCOL = "key."


class Opener(NamedTuple):
    """Who opens a socket, and whether a ticket of theirs lets them follow its order."""

    principal: Principal
    has_ticket: bool = False


async def opener_of(
    scope: Mapping[str, Any], order_id: UUID | None, ticket: str | None
) -> Opener:
    """Return who opens a socket: by header, else by ticket, else by session, else nobody.

    Raises Problem for a proof that does not count, whatever the others are worth, for too
    many of these, and database errors.
    """
    try:
        return await _proved(scope, order_id, ticket)
    except Problem as refusal:
        if refusal.status == 401:
            await in_thread(count_unproved, refusal, address_of_socket(scope))
        raise


async def _proved(
    scope: Mapping[str, Any], order_id: UUID | None, ticket: str | None
) -> Opener:
    header = _authorization(scope)
    if header is not None:
        found = remembered_key(bearer_key(header))
        if found is None:
            found = await in_thread(principal_of_header, header)
        return Opener(found, has_ticket=_is_ticket_of(found, order_id, ticket))
    if ticket is not None and order_id is not None:
        return Opener(await _holder(ticket, order_id), has_ticket=True)
    if (cookie := session_cookie(scope)) is not None:
        require_own_origin(scope)
        if (user := await in_thread(principal_of_session, cookie)) is not None:
            return Opener(user)
    if (local := remembered_anonymous()) is not None:
        return Opener(local)
    return Opener(await in_thread(anonymous_principal))


def key_of_handshake(scope: Mapping[str, Any]) -> str | None:
    """Return what a handshake sends as a key, whatever that is worth; None for nothing."""
    try:
        return sent_key(_authorization(scope) or "")
    except Problem:
        return None


def chosen_subprotocol(scope: Mapping[str, Any]) -> str | None:
    """Return the subprotocol that a handshake is answered with, None for none."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def _is_ticket_of(
    principal: Principal, order_id: UUID | None, text: str | None
) -> bool:
    """Say whether a ticket was made for the key that was sent beside it."""
    if text is None or order_id is None:
        return False
    ticket = read_ticket(text, order_id)
    return ticket is not None and ticket.made_for == Holder.of(principal)


async def _holder(text: str, order_id: UUID) -> Principal:
    ticket = read_ticket(text, order_id)
    if ticket is None:
        raise invalid_ticket()
    holder = ticket.remembered_holder() or await in_thread(ticket.holder)
    if holder is None:
        raise invalid_ticket()
    return holder


def _authorization(scope: Mapping[str, Any]) -> str | None:
    """Return the one Authorization that a handshake brings. Raises `invalid_key`."""
    found = [
        value.decode("latin1")
        for name, value in scope.get("headers", ())
        if name == b"authorization"
    ] + [
        f"Bearer {name.removeprefix(_KEY_PROTOCOL)}"
        for name in scope.get("subprotocols", ())
        if name.startswith(_KEY_PROTOCOL)
    ]
    if len(found) > 1:
        raise invalid_key()
    return found[0] if found else None
