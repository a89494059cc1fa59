"""New orders and their first events in one statement, whatever their number.

The ORM builds each INSERT anew from every field of the model, which takes most of the CPU
of a placed order. Here that is done once per process, from the same model: what a caller
does not give has the model's default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models import NOT_PROVIDED

from .column_types import type_of
from .models import Order, OrderEvent, Status

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


def insert_orders(orders: Sequence[Mapping[str, Any]]) -> list[OrderEvent]:
    """Insert orders, given all of GIVEN by name; return the first events of those stored.

    `TIMES` are timedeltas from now. An order is left out when another one has its key, its
    owner's name for it or its predecessor (`retry_of`). To be called in a transaction;
    raises database errors.
    """
    # Two that insert the same orders must not wait for each other in a ring.
    ordered = sorted(orders, key=_unique_values)
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(), [[columns[name] for columns in ordered] for name in GIVEN]
        )
        stored = cursor.fetchall()
    told = {columns["id"]: columns[TOLD] for columns in orders}
    return [
        OrderEvent(
            id=number,
            order_id=order_id,
            sequence=1,
            status=Status.PENDING,
            attempt=0,
            data={"requestId": told[order_id]} if told[order_id] else {},
            created_at=created_at,
        )
        for number, order_id, created_at in stored
    ]


def _unique_values(columns: Mapping[str, Any]) -> tuple[str, str]:
    return columns["client_order_id"] or "", columns["idempotency_key"] or ""


@cache
def _statement() -> str:
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
    return f"""
        WITH given AS (
            SELECT * FROM unnest({", ".join(arrays)}) AS given ({", ".join(map(quote, GIVEN))})
        ), placed AS (
            INSERT INTO {quote(Order._meta.db_table)} ({", ".join(map(quote, names))})
            SELECT {", ".join(values)} FROM given
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
