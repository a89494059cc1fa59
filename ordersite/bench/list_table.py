"""A table of many made-up orders, to see how lists of it are read."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection

from dex.models import Token
from orders.models import Order, Status

OWNER, OTHER = "local", "other"
# The newest orders, which are open.
OPEN_ORDERS = 2_000
# So many orders of one owner to each of the other.
SHARE = 100
# One order every three seconds, the newest of them now: ten million are a year.
SECONDS_APART = 3

# Indexes and constraints come back with the text that they had.
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = 'orders_order' AND indexname <> 'orders_order_pkey'
"""
_COLUMNS = """
    INSERT INTO orders_order (
        id, owner_id, request_hash, order_type, token_in_id, token_out_id, amount_in,
        slippage_bps, status, last_sequence, attempt, live_attempt, min_amount_out,
        created_at, deadline, due_at, closed_at, waiting_code, waiting_message, venue,
        amount_in_filled, amount_out, signature, slot, failure_code, failure_message,
        funds_moved, fence, lease_owner, idle_claims
    )
    SELECT
        gen_random_uuid(),
        CASE WHEN n %% {share} = 0 THEN {other} ELSE {owner} END,
        repeat('0', 64), 'market',
        CASE WHEN n %% 1000 = 7 THEN {rare} ELSE {token_in} END, {token_out},
        100000000000, 100, status, 5, 1, 0, 198000000000,
        at, at + interval '2 min', at,
        CASE WHEN status <> 'pending' THEN at + interval '1 s' END, '', '',
        CASE WHEN status <> 'confirmed' THEN '' WHEN n %% 3 = 0 THEN 'meteora'
             ELSE 'raydium' END,
        CASE WHEN status = 'confirmed' THEN 100000000000 END,
        CASE WHEN status = 'confirmed' THEN 199000000000 END,
        CASE WHEN status = 'confirmed' THEN repeat('5', 88) ELSE '' END,
        CASE WHEN status = 'confirmed' THEN n END,
        CASE WHEN status = 'failed' THEN 'slippage_exceeded' ELSE '' END,
        CASE WHEN status = 'failed' THEN 'The best quote is below the minimum.'
             ELSE '' END,
        CASE WHEN status = 'failed' THEN 'fee_only' ELSE '' END, 1, 'worker-1', 0
    FROM (
        SELECT n, now() - ({orders} - n) * interval '{apart} s' AS at,
            CASE WHEN n > {orders} - {open_orders} THEN 'pending'
                 WHEN n <= 10 THEN 'expired'
                 WHEN n %% 50 = 3 THEN 'failed'
                 WHEN n %% 200 = 9 THEN 'cancelled'
                 ELSE 'confirmed' END AS status
        FROM generate_series(1, {orders}) AS n
    ) AS made
"""


def fill(orders: int) -> None:
    """Fill the empty table: almost all confirmed, ten expired, and those the oldest."""
    owner, other = (
        get_user_model().objects.get_or_create(username=name)[0].pk
        for name in (OWNER, OTHER)
    )
    token_in, token_out, rare = (_token(symbol) for symbol in ("A", "B", "RARE"))
    statement = _COLUMNS.format(
        share=SHARE,
        owner=owner,
        other=other,
        token_in=token_in,
        token_out=token_out,
        rare=rare,
        orders=orders,
        open_orders=OPEN_ORDERS,
        apart=SECONDS_APART,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        constraints = _unique_constraints()
        for name, _ in indexes:
            cursor.execute(
                f'ALTER TABLE orders_order DROP CONSTRAINT "{name}"'
                if name in constraints
                else f'DROP INDEX "{name}"'
            )
        cursor.execute(statement.replace("%%", "%"))
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM (ANALYZE) orders_order")


def _unique_constraints() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint "
            "WHERE conrelid = 'orders_order'::regclass AND contype = 'u'"
        )
        return {name for (name,) in cursor.fetchall()}


def is_filled() -> bool:
    return Order.objects.filter(status=Status.EXPIRED).order_by().exists()


def _token(symbol: str) -> int:
    token, _ = Token.objects.get_or_create(
        symbol=symbol,
        defaults={
            "mint": symbol.ljust(32, "1"),
            "name": symbol,
            "decimals": 9,
            "token_program": "Token",
        },
    )
    return int(token.pk)
