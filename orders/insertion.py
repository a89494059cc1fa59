"""New orders and their first events in one statement, whatever their number.

The ORM builds each INSERT anew from every field of the model, which takes most of the CPU
of a placed order. Here that is done once per process, from the same model: what a caller
does not give has the model's default.

No owner gets more open orders than are allowed, whoever else inserts at the same time: the
function `open_order_room` (a migration has it) counts them under a lock of the owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import NOT_PROVIDED, Count

from .column_types import type_of
from .models import Order, OrderEvent, Status

Columns = Mapping[str, Any]

# Those that the database's clock sets, as so many seconds from now.
TIMES = ("deadline", "due_at")
# What the first event tells, beside the order: the request that placed it, or "".
TOLD = "request_id"
# Those that differ from order to order.
GIVEN = (
    *(TOLD, "id", "owner_id", "idempotency_key", "client_order_id", "request_hash"),
    *("retry_of_id", "order_type", "token_in_id", "token_out_id", "amount_in"),
    *("slippage_bps", "max_price_impact_bps", *TIMES),
)


# The room of one owner, and of several. With both, every owner's room is known, and asked
# for once, before the first order is stored.
OF_ONE = """
    WHERE number <= (SELECT open_order_room(%s::integer, %s::integer, %s::integer))
"""
OF_SEVERAL = """
    JOIN (
        WITH room AS MATERIALIZED (
            SELECT owner_id, open_order_room(owner_id, most, wanted) AS free
            FROM unnest(%s::integer[], %s::integer[], %s::integer[])
                AS owners (owner_id, most, wanted)
        ) SELECT * FROM room
    ) AS room USING (owner_id)
    JOIN unnest(%s::integer[]) WITH ORDINALITY AS places (place, number) USING (number)
    WHERE place <= free ORDER BY number
"""
# Which orders lost their place to one that has their key, name or predecessor.
UNIQUE = ("id", "owner_id", "idempotency_key", "client_order_id", "retry_of_id")
TAKEN = f"""
    SELECT id FROM unnest(%s::uuid[], %s::integer[], %s::text[], %s::text[], %s::uuid[])
        AS given ({", ".join(UNIQUE)})
    WHERE EXISTS (
        SELECT FROM orders_order AS other WHERE other.owner_id = given.owner_id
            AND other.idempotency_key = given.idempotency_key
    ) OR EXISTS (
        SELECT FROM orders_order AS other WHERE other.owner_id = given.owner_id
            AND other.client_order_id = given.client_order_id
    ) OR EXISTS (
        SELECT FROM orders_order AS other WHERE other.retry_of_id = given.retry_of_id
    )
"""


@dataclass(frozen=True, slots=True)
class Inserted:
    """The first events of the orders that were stored; who had no room for which others.

    `full` has for each order that its owner had no room for how many were open then.
    """

    events: list[OrderEvent]
    full: dict[UUID, int]


def insert_orders(orders: Sequence[Columns]) -> Inserted:
    """Insert orders, given all of GIVEN and `most_open` by name.

    `TIMES` are timedeltas from now; `most_open` is how many open orders the owner may
    have. An order is left out when another one has its key, its owner's name for it or
    its predecessor (`retry_of`). To be called in a transaction; raises database errors.
    """
    # Two that insert the same orders must not wait for each other in a ring.
    ordered = sorted(orders, key=_unique_values)
    events = _insert(ordered)
    if len(events) == len(ordered):
        return Inserted(events, {})
    stored = {event.order_id for event in events}
    left_out = [columns for columns in ordered if columns["id"] not in stored]
    taken = _taken(left_out)
    roomless = [columns for columns in left_out if columns["id"] not in taken]
    if taken and roomless:  # those that were there already have taken no room after all
        again = insert_orders(roomless)
        return Inserted(events + again.events, again.full)
    return Inserted(events, _open_orders(roomless))


def _insert(orders: Sequence[Columns]) -> list[OrderEvent]:
    """Insert orders, of each owner as many as it has room for, the first of them."""
    given = [[columns[name] for columns in orders] for name in GIVEN]
    most = {columns["owner_id"]: columns["most_open"] for columns in orders}
    wanted: Counter[int] = Counter()
    places = []
    for owner_id in given[GIVEN.index("owner_id")]:
        wanted[owner_id] += 1
        places.append(wanted[owner_id])
    # In the order of their ids, so that no two wait for each other's locks in a ring.
    owners = sorted(wanted)
    arguments: list[Any]
    if len(owners) == 1:
        (owner_id,) = owners
        arguments = [*given, owner_id, most[owner_id], len(orders)]
    else:
        rooms = ([most[owner] for owner in owners], [wanted[o] for o in owners])
        arguments = [*given, owners, *rooms, places]
    with connection.cursor() as cursor:
        cursor.execute(_statement(len(owners) == 1), arguments)
        rows = cursor.fetchall()
    told = {columns["id"]: columns[TOLD] for columns in orders}
    return [
        _first_event(number, order_id, created_at, told[order_id])
        for number, order_id, created_at in rows
    ]


def _taken(orders: Sequence[Columns]) -> set[UUID]:
    values = [[columns[name] for columns in orders] for name in UNIQUE]
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, values)
        return {order_id for (order_id,) in cursor.fetchall()}


def _open_orders(orders: Sequence[Columns]) -> dict[UUID, int]:
    """Return for each order how many open ones its owner has."""
    if not orders:
        return {}
    owners = {columns["owner_id"] for columns in orders}
    open_ones = Order.objects.filter(owner_id__in=owners, closed_at__isnull=True)
    counts = dict(open_ones.order_by().values_list("owner_id").annotate(Count("id")))
    return {columns["id"]: counts.get(columns["owner_id"], 0) for columns in orders}


def _first_event(
    number: int, order_id: UUID, created_at: datetime, request_id: str
) -> OrderEvent:
    return OrderEvent(
        id=number,
        order_id=order_id,
        sequence=1,
        status=Status.PENDING,
        attempt=0,
        data={"requestId": request_id} if request_id else {},
        created_at=created_at,
    )


def _unique_values(columns: Columns) -> tuple[str, str]:
    return columns["client_order_id"] or "", columns["idempotency_key"] or ""


@cache
def _statement(is_of_one: bool) -> str:
    quote = connection.ops.quote_name
    arrays = [f"%s::{_array_type(name)}[]" for name in GIVEN]
    names, values = [name for name in GIVEN if name != TOLD], []
    for name in names:
        moment = "STATEMENT_TIMESTAMP() + " if name in TIMES else ""
        values.append(f"{moment}given.{quote(name)}")
    for field in Order._meta.concrete_fields:
        if field.attname not in GIVEN and field.db_default is NOT_PROVIDED:
            names.append(field.attname)
            values.append(_literal(field))
    room = OF_ONE if is_of_one else OF_SEVERAL
    return f"""
        WITH given AS (
            SELECT * FROM unnest({", ".join(arrays)}) WITH ORDINALITY
                AS given ({", ".join(map(quote, GIVEN))}, number)
        ), placed AS (
            INSERT INTO {quote(Order._meta.db_table)} ({", ".join(map(quote, names))})
            SELECT {", ".join(values)} FROM given {room}
            ON CONFLICT DO NOTHING
            RETURNING id
        )
        INSERT INTO {quote(OrderEvent._meta.db_table)}
            (order_id, sequence, status, attempt, data)
        SELECT id, 1, '{Status.PENDING}', 0, CASE {TOLD} WHEN '' THEN '{{}}'
            ELSE jsonb_build_object('requestId', {TOLD}) END
        FROM placed JOIN given USING (id)
        RETURNING id, order_id, created_at
    """


def _array_type(attname: str) -> str:
    if attname in TIMES:
        return "interval"
    if attname == TOLD:
        return "text"
    (field,) = (f for f in Order._meta.concrete_fields if f.attname == attname)
    return type_of(field)


def _literal(field: models.Field[Any, Any]) -> str:
    """Return the default of a field as it stands in SQL."""
    value = {"last_sequence": 1}.get(field.attname, field.get_default())
    prepared = field.get_db_prep_save(value, connection)
    operations: Any = connection.ops
    return str(operations.compose_sql("%s", [prepared])).replace("%", "%%")
