"""A new order and its first event in one statement.

The ORM builds each INSERT anew from every field of the model, which takes most of the CPU
of a placed order. Here that is done once per process, from the same model: what a caller
does not give has the model's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models import NOT_PROVIDED

from .models import Order, OrderEvent, Status

# Those that the database's clock sets, as so many seconds from now.
TIMES = ("deadline", "due_at")
# Those that differ from order to order.
GIVEN = (
    *("id", "owner_id", "idempotency_key", "request_hash", "retry_of_id"),
    *("order_type", "token_in_id", "token_out_id", "amount_in", "slippage_bps"),
    *("max_price_impact_bps", *TIMES),
)


def insert_order(columns: Mapping[str, Any]) -> OrderEvent:
    """Insert an order, given all of GIVEN by name, and return its first event.

    `TIMES` are timedeltas from now. To be called in a transaction; raises database errors.
    """
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [columns[name] for name in GIVEN])
        number, created_at = cursor.fetchone()
    return OrderEvent(
        id=number,
        order_id=columns["id"],
        sequence=1,
        status=Status.PENDING,
        attempt=0,
        data={},
        created_at=created_at,
    )


@cache
def _statement() -> str:
    names = [*GIVEN]
    values = ["STATEMENT_TIMESTAMP() + %s" if name in TIMES else "%s" for name in GIVEN]
    for field in Order._meta.concrete_fields:
        if field.attname not in GIVEN and field.db_default is NOT_PROVIDED:
            names.append(field.attname)
            values.append(_literal(field))
    quote = connection.ops.quote_name
    return f"""
        WITH placed AS (
            INSERT INTO {quote(Order._meta.db_table)} ({", ".join(map(quote, names))})
            VALUES ({", ".join(values)})
            RETURNING id
        )
        INSERT INTO {quote(OrderEvent._meta.db_table)}
            (order_id, sequence, status, attempt, data)
        SELECT id, 1, '{Status.PENDING}', 0, '{{}}' FROM placed
        RETURNING id, created_at
    """


def _literal(field: models.Field[Any, Any]) -> str:
    """Return the default of a field as it stands in SQL."""
    value = {"last_sequence": 1}.get(field.attname, field.get_default())
    prepared = field.get_db_prep_save(value, connection)
    operations: Any = connection.ops
    return str(operations.compose_sql("%s", [prepared])).replace("%", "%%")
