"""Tickets: an order's address for who can send no header, such as a page in a browser.

A ticket stands in an address, which others may come to see. So it lets read one order,
for a quarter of an hour, and only while the key counts that it was made for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core import signing

from orders.recent import Recent

from .authentication import principal_of_user
from .keys import find_key_by_id, remembered_key_by_id
from .principal import Principal, Scope

LIFETIME_S = 15 * 60
_SALT = "orders.access.ticket"
_READS = frozenset({Scope.READ})


@dataclass(frozen=True, slots=True)
class Ticket:
    """For whom a ticket was made: a user, and the key that was used, if it was one."""

    owner_id: int
    key_id: int | None

    def holder(self) -> Principal | None:
        """Return who may read with it now, None when nobody. Raises database errors."""
        return self._reading(
            _of_session.get(self.owner_id, lambda: _of_user(self.owner_id))
            if self.key_id is None
            else find_key_by_id(self.key_id)
        )

    def remembered_holder(self) -> Principal | None:
        """Return what holder() would without asking the database; None: ask it."""
        return self._reading(
            _of_session.peek(self.owner_id)
            if self.key_id is None
            else remembered_key_by_id(self.key_id)
        )

    def _reading(self, principal: Principal | None) -> Principal | None:
        if principal is None or principal.owner_id != self.owner_id:
            return None
        return replace(principal, scopes=_READS)


def ticket_for(order_id: UUID, principal: Principal) -> str:
    """Make a ticket for an order of `principal`; "" where nobody needs one."""
    if principal.means == "anonymous":
        return ""
    said = [order_id.hex, principal.owner_id, principal.key_id]
    return signing.dumps(said, salt=_SALT)


def read_ticket(text: str, order_id: UUID) -> Ticket | None:
    """Read a ticket of this order; None when it is forged, of another one or too old.

    It may be used again until then. What it is worth now, its holder() says.
    """
    try:
        said = signing.loads(text, salt=_SALT, max_age=LIFETIME_S)
    except (signing.BadSignature, ValueError):
        return None
    ordered, owner_id, key_id = said
    return Ticket(owner_id, key_id) if ordered == order_id.hex else None


_of_session: Recent[int, Principal | None] = Recent()


def _of_user(owner_id: int) -> Principal | None:
    user = get_user_model().objects.filter(pk=owner_id, is_active=True).first()
    principal = principal_of_user(user) if user is not None else None
    return principal if principal is not None and principal.scopes else None
