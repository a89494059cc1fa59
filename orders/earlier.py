"""Which order a submission repeats: that of its owner with the same key, or the same name."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from .errors import ClientOrderIdConflict, IdempotencyConflict
from .models import Order
from .submissions import Submission

# What an order is asked for by: ("key", …) or ("name", …).
Name = tuple[str, str]


def find_earlier(submission: Submission) -> Order | None:
    """Return the order that a submission would repeat; None where it would make a new one.

    Raises IdempotencyConflict, ClientOrderIdConflict, database errors.
    """
    by_key, by_name = _orders_of(submission)
    digest = submission.request.digest()
    if by_key is not None and by_key.request_hash != digest:
        raise IdempotencyConflict(
            "This Idempotency-Key was used for another order. Use a new key."
        )
    if by_name is not None and by_name.request_hash != digest:
        raise ClientOrderIdConflict(
            f"Your order {by_name.id} has this clientOrderId, and it is another one. "
            "Use a new clientOrderId."
        )
    return by_key or by_name


def _orders_of(submission: Submission) -> tuple[Order | None, Order | None]:
    """Return the orders that have the submission's key, and its name for the order."""
    own = Order.objects.filter(owner_id=submission.owner_id).order_by()
    key, name = submission.idempotency_key, submission.request.client_order_id
    return (
        own.filter(idempotency_key=key).first() if key is not None else None,
        own.filter(client_order_id=name).first() if name is not None else None,
    )


def names_of(submission: Submission) -> set[Name]:
    """Return the names by which it finds an order that it repeats; none when it has none."""
    return _names(submission.idempotency_key, submission.request.client_order_id)


def names_in_use(submissions: Sequence[Submission]) -> set[Name]:
    """Return the names that stored orders have, of submissions of one owner.

    One query, or none where nothing has a name. Raises database errors.
    """
    asked = set().union(*map(names_of, submissions))
    if not asked:
        return set()
    keys, names = ([n for kind, n in asked if kind == k] for k in ("key", "name"))
    own = Order.objects.filter(owner_id=submissions[0].owner_id).order_by()
    found = own.filter(Q(idempotency_key__in=keys) | Q(client_order_id__in=names))
    used = found.values_list("idempotency_key", "client_order_id")
    return asked & set().union(*(_names(*both) for both in used))


def _names(key: str | None, client_order_id: str | None) -> set[Name]:
    both = ("key", key), ("name", client_order_id)
    return {(kind, name) for kind, name in both if name is not None}
