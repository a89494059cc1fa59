"""Errors of placing and moving orders.

OrderError
├── IllegalTransition     a bug: the table of TRANSITIONS forbids the move
├── StaleTransition       somebody else moved the order or took the claim: stop silently
├── OrderLocked           somebody else writes the order just now: try it alone
├── IdempotencyConflict   the key was used for another order before
├── ClientOrderIdConflict the owner calls another order so
├── CancelConflict        the order is closed, or a signed transaction may still land
├── ReviewRefused         the order is not in review, or a transaction may still land
├── RetryRefused          the order is not a closed unhappy one, or was retried before
├── OrderDenied           a guard on money says no: see access/guards.py
│   ├── NotTrading        trading is halted
│   ├── TokenNotAllowed   a token is not, or no longer, on the allow-list
│   ├── OrderTooLarge     it sells more than one order may
│   ├── SlippageTooLarge  it tolerates more than any order may
│   └── TooManyOpenOrders its owner has as many open orders as are allowed
├── OutcomeUnknown        the answer to COMMIT was lost: read the order by its id
└── DatabaseUnavailable   nothing was stored; try again
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID


class OrderError(Exception):
    code: ClassVar[str] = "order_error"


def caused_by(cause: Exception | None, error: Exception) -> Exception:
    """Say what led to an error that is returned, where `raise … from` would say it."""
    error.__cause__ = cause
    return error


class IllegalTransition(OrderError):
    """The table of TRANSITIONS forbids this move."""

    code = "illegal_transition"


class StaleTransition(OrderError):
    """The order is not in the expected status, or another holder has claimed it."""

    code = "stale_transition"


class OrderLocked(OrderError):
    """Somebody else holds the order's row: nothing was written, and nothing decided."""

    code = "order_locked"


class IdempotencyConflict(OrderError):
    """This owner used the key for another order before."""

    code = "idempotency_conflict"


class ClientOrderIdConflict(OrderError):
    """This owner has another order with the same clientOrderId."""

    code = "client_order_id_conflict"


class CancelConflict(OrderError):
    """The order cannot be cancelled now; `status` says where it stands."""

    code = "cancel_conflict"

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewRefused(OrderError):
    """An operator's act that the order does not allow now; it says why."""

    code = "review_refused"


class RetryRefused(OrderError):
    """Only a closed unhappy order can be retried, and only once."""

    code = "retry_refused"


class OrderDenied(OrderError):
    """A guard on money says no. Nothing was stored.

    `rule` names the guard. `limit` and `value` are whole tokens, fractions or names as
    text, or counts as numbers.
    """

    code = "order_denied"

    def __init__(
        self, message: str, *, rule: str, limit: str | int, value: str | int
    ) -> None:
        super().__init__(message)
        self.rule = str(rule)
        self.limit = limit
        self.value = value


class NotTrading(OrderDenied):
    """Trading is halted, so no order is accepted."""

    code = "trading_halted"


class TokenNotAllowed(OrderDenied):
    """A token is not on the allow-list, or switched off there."""

    code = "token_not_allowed"


class OrderTooLarge(OrderDenied):
    """The order sells more of its token than one order may."""

    code = "order_too_large"


class SlippageTooLarge(OrderDenied):
    """The order tolerates a larger loss against the quote than any order may."""

    code = "slippage_too_large"


class TooManyOpenOrders(OrderDenied):
    """The owner has as many open orders as are allowed."""

    code = "too_many_open_orders"


class OutcomeUnknown(OrderError):
    """The answer to COMMIT was lost; the order may or may not be stored."""

    code = "outcome_unknown"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(
            f"The database did not say whether order {order_id} was stored. "
            "Repeat the request with the same Idempotency-Key, or read the order."
        )
        self.order_id = order_id


class DatabaseUnavailable(OrderError):
    """The database did not answer before anything was stored."""

    code = "database_unavailable"
