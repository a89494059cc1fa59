"""Tickets: an order's address for who can send no header, such as a page in a browser.

A ticket stands in an address, which others may come to see. So it lets read one order,
for a quarter of an hour, and only while the key or session counts that it was made for.
That much it allows by itself: who places an order may follow it, also with a key that
has the scope trade alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.core import signing

from .holders import Holder, find_holder, remembered_holder
from .principal import Principal, Scope

LIFETIME_S = 15 * 60
_SALT = "orders.access.ticket"
_READS = frozenset({Scope.READ})


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says once it is found to be genuine: for whom it was made."""

    made_for: Holder

    def holder(self) -> Principal | None:
        """Return who may read with it now, None when nobody. Raises database errors."""
        return _reading(find_holder(self.made_for))

    def remembered_holder(self) -> Principal | None:
        """Return what holder() would without asking the database; None: ask it."""
        return _reading(remembered_holder(self.made_for))


def _reading(principal: Principal | None) -> Principal | None:
    return None if principal is None else replace(principal, scopes=_READS)


def ticket_for(order_id: UUID, principal: Principal) -> str:
    """Make a ticket for an order of `principal`; "" where nobody needs one."""
    if principal.means == "anonymous":
        return ""
    made_for = Holder.of(principal)
    said = made_for if made_for.session else made_for[:2]  # short addresses
    return signing.dumps([order_id.hex, *said], salt=_SALT)


def expires_at(ticket: str) -> datetime:
    """Return the moment from which on a ticket of ticket_for() opens nothing."""
    signed_at = signing.b62_decode(ticket.rsplit(":", 2)[1])
    return datetime.fromtimestamp(signed_at + LIFETIME_S, UTC)


def read_ticket(text: str, order_id: UUID) -> Ticket | None:
    """Read a ticket of this order; None when it is forged, of another one or too old.

    It may be used again until then. What it is worth now, its holder() says.
    """
    try:
        said = signing.loads(text, salt=_SALT, max_age=LIFETIME_S)
    except (signing.BadSignature, ValueError):
        return None
    ordered, *made_for = said
    return Ticket(Holder(*made_for)) if ordered == order_id.hex else None
