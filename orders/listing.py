"""The list of orders: its filters, and a cursor that stays right while orders arrive.

Orders are read in the order of an index, and what the filters do not let pass is left out.
A filter that few orders pass would so read all of an owner's, and an index for it is no way
out: a step of an order may write into none (see STILL_OPEN). So one page looks at a bounded
number of orders, and its cursor goes on from there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from dex.models import Token, VenueName

from .models import OPEN, STILL_OPEN, Order, OrderType, Status
from .problems import FieldError, invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
# Orders that are read for one page at most.
LOOKED_AT = 10_000

Position = tuple[datetime, UUID]


def list_orders(
    orders: QuerySet[Order], query: QueryDict
) -> tuple[Sequence[Order], str | None]:
    """Return one page of orders, newest first, and the cursor of the next page.

    With filters a page may hold fewer orders than asked for, and there may be a next one
    all the same. Raises Problem for a filter that does not exist or makes no sense.
    """
    values = _read(query)
    limit = values.pop("limit", DEFAULT_LIMIT)
    by_index, by_row = Q(), Q()
    for name, value in values.items():
        if name in _BY_INDEX:
            by_index &= _CONDITIONS[name](value)
        else:
            by_row &= _CONDITIONS[name](value)
    if set(values.get("status", Status)).issubset(OPEN):
        by_index &= STILL_OPEN  # they are few, and have an index
        last_looked_at = None
    else:
        last_looked_at = _end_of_look(orders.filter(by_index)) if by_row else None
    if last_looked_at is not None:
        by_index &= _from(last_looked_at)
    page = list(
        orders.filter(by_index & by_row)
        .select_related("token_in", "token_out")
        .order_by("-created_at", "-id")[: limit + 1]
    )
    if len(page) > limit:
        last = page[limit - 1]
        return page[:limit], _write_cursor((last.created_at, last.id))
    return page, _write_cursor(last_looked_at) if last_looked_at else None


def _end_of_look(orders: QuerySet[Order]) -> Position | None:
    """Return the last order that one page looks at; None where it looks at all of them."""
    positions = orders.order_by("-created_at", "-id").values_list("created_at", "id")
    return positions[LOOKED_AT - 1 : LOOKED_AT].first()


def _read(query: QueryDict) -> dict[str, Any]:
    values, errors = {}, []
    for name, texts in query.lists():
        if name not in _READERS:
            errors.append(FieldError(name[:64], "unknown_parameter", _NO_SUCH_FILTER))
        elif len(texts) > 1:
            errors.append(FieldError(name, "repeated_parameter", "Give it once."))
        else:
            try:
                values[name] = _READERS[name](texts[0])
            except ValueError as error:
                errors.append(FieldError(name, "invalid_parameter", str(error)))
    if errors:
        raise invalid(errors)
    return values


def _one_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Read one name, or several with commas between."""

    def read(text: str) -> list[str]:
        chosen = text.split(",")
        if not set(chosen) <= set(names):
            raise ValueError(f"Use {', '.join(names)}, or several with commas.")
        return chosen

    return read


def _token(text: str) -> str:
    if not 0 < len(text) <= 44 or not text.isprintable():
        raise ValueError("Use a symbol or a mint.")
    return text


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError("Use ISO 8601 with an offset, as in 2026-11-20T09:14:03Z.")
    return moment


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise ValueError(f"Use a number from 1 to {MAX_LIMIT}.")
    if not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"Use a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _write_cursor(position: Position) -> str:
    created_at, order_id = position
    return base64.urlsafe_b64encode(
        f"{created_at.isoformat()}|{order_id}".encode()
    ).decode()


def _cursor(text: str) -> Position:
    try:
        created_at, order_id = base64.urlsafe_b64decode(text).decode().split("|")
        return _moment(created_at), UUID(order_id)
    except (ValueError, binascii.Error):
        raise ValueError("Use the nextCursor of an earlier page.") from None


def _before(position: Position) -> Q:
    created_at, order_id = position
    # The first condition alone is what the index can start from.
    return Q(created_at__lte=created_at) & (
        Q(created_at__lt=created_at) | Q(id__lt=order_id)
    )


def _from(position: Position) -> Q:
    """Be newer than a position, or at it."""
    created_at, order_id = position
    return Q(created_at__gte=created_at) & (
        Q(created_at__gt=created_at) | Q(id__gte=order_id)
    )


def _of_token(text: str) -> Q:
    tokens = Token.objects.filter(Q(symbol=text) | Q(mint=text))
    return Q(token_in__in=tokens) | Q(token_out__in=tokens)


# What says where to begin and to end in the index.
_BY_INDEX = {"createdAfter", "createdBefore", "cursor"}
_READERS: Mapping[str, Callable[[str], Any]] = {
    "status": _one_of(Status.values),
    "type": _one_of(OrderType.values),
    "venue": _one_of(VenueName.values),
    "token": _token,
    "createdAfter": _moment,
    "createdBefore": _moment,
    "cursor": _cursor,
    "limit": _limit,
}
_NO_SUCH_FILTER = f"No such filter. Use {', '.join(_READERS)}."
_CONDITIONS: Mapping[str, Callable[[Any], Q]] = {
    "status": lambda chosen: Q(status__in=chosen),
    "type": lambda chosen: Q(order_type__in=chosen),
    "venue": lambda chosen: Q(venue__in=chosen),
    "token": _of_token,
    "createdAfter": lambda moment: Q(created_at__gt=moment),
    "createdBefore": lambda moment: Q(created_at__lt=moment),
    "cursor": _before,
}
