"""Which problems go together: the codes that one kind of request may be answered with."""

from __future__ import annotations

# What any request may be answered with, and further what one that changes something,
# one that has a body, and one that asks the chain.
ALWAYS = (
    *("bad_request", "foreign_host"),
    *("authentication_required", "invalid_key", "missing_scope"),
    *("not_acceptable", "rate_limited", "internal_error", "database_unavailable"),
)
CHANGES = ("csrf_failed",)
MESSAGE = (
    *("invalid_utf8", "empty_body", "malformed_json", "not_an_object"),
    *("nested_too_deeply", "invalid_number", "duplicate_field", "validation_failed"),
    "body_too_large",
)
BODY = (*MESSAGE, "unsupported_media_type")
CHAIN = ("rpc_unavailable", "wrong_chain")
# Of no operation: another method, another address, and what the server itself answers,
# before it is known what is asked for.
NO_OPERATION = (
    *("method_not_allowed", "not_found"),
    *("request_timeout", "headers_too_large", "too_many_connections"),
)
# What an order may be denied for: see access/guards.py.
GUARDS = (
    *("trading_halted", "token_not_allowed", "order_too_large", "slippage_too_large"),
    "too_many_open_orders",
)
# Of a socket: when it opens, by what it asks for; and to a message.
OPENING = (
    *("bad_request", "unknown_parameter", "invalid_order_id", "invalid_after"),
    *("repeated_parameter", "missing_order_id"),
    *("authentication_required", "invalid_key", "missing_scope"),
    *("foreign_origin", "rate_limited", "too_many_sockets"),
    *("internal_error", "database_unavailable"),
)
# Of one that is open, whatever it does.
_OPEN = ("right_lost", "too_many_frames", "body_too_large")
FOLLOWING = (
    *OPENING,
    *_OPEN,
    *("invalid_ticket", "order_not_found", "unexpected_message"),
)
PLACING = (
    *OPENING,
    *_OPEN,
    *MESSAGE,
    *GUARDS,
    *("binary_message", "invalid_idempotency_key", "idempotency_conflict"),
    *("client_order_id_conflict", "outcome_unknown", "too_many_orders"),
)
