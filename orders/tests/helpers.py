"""Plain functions that make the rows a test needs, with honest defaults."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now
from solders.pubkey import Pubkey

from dex.models import Pool, Token
from dex.solana.addresses import TOKEN_PROGRAM
from orders.claims import Claim, claim_order
from orders.history import frame_text
from orders.models import AttemptState, FundsMoved, Order, OrderEvent, OrderType, Status
from orders.moves import AttemptClosing, AttemptOpening, Move
from orders.transitions import transition

_numbers = itertools.count(1)
WORKER = "worker-1"


def make_address() -> str:
    """Make an address that no other call returned."""
    return str(Pubkey(random.Random(next(_numbers)).randbytes(32)))


def make_owner(username: str = "local") -> User:
    # A server may be making its own user in answer to the last request of another test.
    owner, _ = User.objects.get_or_create(username=username)
    return owner


def make_token(symbol: str = "A", **overrides: Any) -> Token:
    """Return the token of this symbol; made with 9 decimals when there is none."""
    there = Token.objects.filter(symbol=symbol).first()
    if there is not None:
        return there
    columns = {
        "symbol": symbol,
        "mint": make_address(),
        "name": f"Token {symbol}",
        "decimals": 9,
        "token_program": str(TOKEN_PROGRAM),
    }
    return Token.objects.create(**columns | overrides)


def make_pool(venue: str = "raydium", **overrides: Any) -> Pool:
    columns = {"address": make_address(), "venue": venue} | overrides
    columns.setdefault("token_a", make_token("A"))
    columns.setdefault("token_b", make_token("B"))
    return Pool.objects.create(**columns)


def make_order(**overrides: Any) -> Order:
    """Make a pending order of 100 A for B, with its first event."""
    columns: dict[str, Any] = {
        "order_type": OrderType.MARKET,
        "amount_in": 100 * 10**9,
        "slippage_bps": 100,
        "request_hash": "0" * 64,
        "last_sequence": 1,
        "deadline": Now() + timedelta(seconds=120),
        "due_at": Now() + timedelta(seconds=5),
    } | overrides
    columns.setdefault("owner", make_owner())
    columns.setdefault("token_in", make_token("A"))
    columns.setdefault("token_out", make_token("B"))
    order = Order.objects.create(**columns)
    OrderEvent.objects.create(
        order=order, sequence=1, status=Status.PENDING, attempt=0, data={}
    )
    return Order.objects.get(id=order.id)


def make_opening(number: int = 1, **overrides: Any) -> AttemptOpening:
    columns: dict[str, Any] = {
        "number": number,
        "venue": "raydium",
        "pool": make_address(),
        "vault_in": make_address(),
        "vault_out": make_address(),
        "signature": make_address() + make_address(),
        "raw_transaction": b"\x01signed",
        "blockhash": make_address(),
        "last_valid_block_height": 1_150,
        "quoted_amount_out": 2_000,
        "min_amount_out": 1_980,
    }
    return AttemptOpening(**(columns | overrides))


def claim(order: Order, owner: str = WORKER) -> Claim:
    """Claim an order that is free; fails the test when it is not."""
    claimed = claim_order(order.id, owner=owner)
    assert claimed is not None, "the order is held, closed or suspect"
    return claimed


FILL = {"amount_in_filled": 100 * 10**9, "amount_out": 1_990, "slot": 77}
LANDED = AttemptClosing(AttemptState.LANDED, slot=77, fee_lamports=5_000)
ERRORED = AttemptClosing(
    AttemptState.ERRORED, 77, 5_000, "slippage_exceeded", "the pool pays less"
)
EXPIRED = AttemptClosing(AttemptState.EXPIRED)


def move(
    held: Claim, old: Status, to: Status, *, attempt: int = 1, **overrides: Any
) -> OrderEvent:
    """Carry a claimed order one step on, with what such a step must bring along."""
    extra: dict[str, Any] = {"data": {}}
    if to == Status.SUBMITTED:
        extra["opens"] = make_opening(attempt)
    if old == Status.SUBMITTED:
        extra["closes"] = LANDED if to == Status.CONFIRMED else EXPIRED
    if to == Status.CONFIRMED:
        extra["columns"] = FILL
    return transition(
        Move(held.order_id, to, (old,), held.fence, attempt, **(extra | overrides))
    )


HAPPY_PATH = (
    Status.PENDING,
    Status.ROUTING,
    Status.BUILDING,
    Status.SUBMITTED,
    Status.CONFIRMED,
)


def make_order_at(
    status: Status,
    *,
    data: Mapping[Status, Mapping[str, Any]] | None = None,
    **columns: Any,
) -> tuple[Order, Claim]:
    """Make an order and carry it to `status` by its real steps, `data` for each."""
    order = make_order(**columns)
    held = claim(order)
    given = data or {}
    path = (
        HAPPY_PATH[: HAPPY_PATH.index(status) + 1]
        if status in HAPPY_PATH
        else (
            Status.PENDING,
            status,
        )
    )
    for old, to in itertools.pairwise(path):
        overrides: dict[str, Any] = {"data": dict(given.get(to, {}))}
        if status not in HAPPY_PATH:
            overrides["columns"] = {
                "failure_code": "no_route",
                "failure_message": "No venue quoted.",
                "funds_moved": FundsMoved.NONE,
            }
        move(held, old, to, **overrides)
    return Order.objects.get(id=order.id), held


def statuses_of(order: Order) -> list[str]:
    """Return the statuses of an order's history, oldest first."""
    return list(order.events.values_list("status", flat=True))


def stored_texts(orders: list[Order]) -> list[list[str]]:
    """Return the frames of each order's history, as every socket must get them."""
    return [[frame_text(event) for event in order.events.all()] for order in orders]
