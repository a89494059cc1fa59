"""Orders as whoever holds them reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connection, models

from dex.models import Token

from .models import Order

if TYPE_CHECKING:
    from .claims import Claim


def _columns(model: type[models.Model], table: str) -> list[str]:
    return [f"{table}.{field.column}" for field in model._meta.concrete_fields]


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


ORDER, TOKEN = _names(Order), _names(Token)
# What is read of an order, with its tokens, for read_row(). Written out: to put this query
# together takes the ORM ten times as long as to send it.
TOKENS = "dex_token AS token_in, dex_token AS token_out"
ITS_TOKENS = "token_in.id = token_in_id AND token_out.id = token_out_id"
HELD = ", ".join(
    [
        *_columns(Order, "orders_order"),
        *_columns(Token, "token_in"),
        *_columns(Token, "token_out"),
        "deadline <= STATEMENT_TIMESTAMP()",
    ]
)
READ = f"SELECT {HELD} FROM orders_order, {TOKENS} WHERE {ITS_TOKENS} AND orders_order.id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Held:
    """An order as its holder reads it, with what the database's clock says of it."""

    order: Order
    is_past_deadline: bool


def read_row(row: Sequence[Any]) -> Held:
    """Read a row of HELD."""
    tokens_at, out_at = len(ORDER), len(ORDER) + len(TOKEN)
    order = Order.from_db(DEFAULT_DB_ALIAS, ORDER, row[:tokens_at])
    order.token_in = Token.from_db(DEFAULT_DB_ALIAS, TOKEN, row[tokens_at:out_at])
    order.token_out = Token.from_db(DEFAULT_DB_ALIAS, TOKEN, row[out_at:-1])
    return Held(order, row[-1])


def read_held(claim: Claim) -> Held | None:
    """Read the order while the claim still holds it; None when somebody took it over."""
    (held,) = read_all_held([claim])
    return held


def read_all_held(claims: Sequence[Claim]) -> list[Held | None]:
    """Read the orders of many claims; None for each that somebody took over."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [[claim.order_id for claim in claims]])
        rows = [read_row(row) for row in cursor.fetchall()]
    found = {held.order.id: held for held in rows}
    mine = [(claim, found.get(claim.order_id)) for claim in claims]
    return [
        held if held is not None and held.order.fence == claim.fence else None
        for claim, held in mine
    ]
