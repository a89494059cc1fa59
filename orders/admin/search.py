"""What the search of the list of orders finds, each by an index."""

from __future__ import annotations

import re
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from orders.fields import is_client_order_id
from orders.models import Attempt, Order

SHORTEST = 4  # beginning of an id: fewer characters begin too many of them
HELP = (
    "A user's name, a clientOrderId or a signature, each of them whole; or an order id, "
    f"or {SHORTEST} or more of its first characters"
)


def owner_named(term: str) -> int | None:
    """Return the id of the user whose name is exactly this, None where there is none."""
    users = get_user_model()
    named = users._default_manager.filter(
        username=users.normalize_username(term.strip())
    )
    return named.order_by().values_list("id", flat=True).first()


def found(orders: QuerySet[Order], term: str) -> QuerySet[Order]:
    """Return those of `orders` that a search asks for; all for an empty term.

    A user may have any number of orders: the caller bounds how many are looked at.
    """
    term = term.strip()
    if not term:
        return orders
    owner_id = owner_named(term)
    if owner_id is not None:
        return orders.filter(owner_id=owner_id)
    called = _called(term)
    digits = term.replace("-", "").lower()
    if re.fullmatch(rf"[0-9a-f]{{{SHORTEST},32}}", digits):
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        begins_so, ids = Q(id__gte=first, id__lte=last), [*called]
        return orders.filter(begins_so | Q(id__in=ids) if ids else begins_so)
    if is_client_order_id(term):
        return orders.filter(id__in=called)
    # Longer than what an order can be called.
    signed = Attempt.objects.filter(signature=term).values("order_id")
    return orders.filter(id__in=signed)


def _called(term: str) -> QuerySet[Order, UUID]:
    """Return the ids of the orders that their owners call so: each owner one at most."""
    # The index begins with the owner: it is asked once for each user.
    of_anyone = get_user_model()._default_manager.values("id")
    orders = Order.objects.filter(owner_id__in=of_anyone, client_order_id=term)
    return orders.order_by().values_list("id", flat=True)
