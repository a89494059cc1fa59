"""What a socket asks for in its query string."""

from __future__ import annotations

import re
from urllib.parse import parse_qs
from uuid import UUID

from .problems import Problem, order_not_found
from .standing import Standing

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SEQUENCE = re.compile(r"[0-9]{1,9}", re.ASCII)


def wanted(query_string: bytes) -> tuple[UUID | None, int, str | None]:
    """Read `orderId`, `after` and `ticket` from a query string; raises Problem."""
    try:
        query = parse_qs(
            query_string.decode(), keep_blank_values=True, max_num_fields=10
        )
    except ValueError:
        raise Problem(400, "bad_request", "The query string is malformed.") from None
    unknown = sorted(set(query) - {"orderId", "after", "ticket"})
    if unknown:
        raise Problem(
            400,
            "unknown_parameter",
            f"There is no parameter {unknown[0][:64]!r}: only orderId, after and "
            "ticket.",
        )
    order_ids = query.get("orderId", [])
    afters = query.get("after", ["0"])
    if len(order_ids) > 1 or not all(map(_UUID.fullmatch, order_ids)):
        raise Problem(400, "invalid_order_id", "orderId must be one UUID.")
    if len(afters) > 1 or not _SEQUENCE.fullmatch(afters[0]):
        raise Problem(400, "invalid_after", "after must be one sequence number.")
    tickets = query.get("ticket", [])
    if len(tickets) > 1:
        raise Problem(400, "repeated_parameter", "ticket must be given once.")
    if not order_ids:
        for name in ("after", "ticket"):
            if name in query:
                detail = f"{name} needs the orderId that it belongs to."
                raise Problem(400, "missing_order_id", detail)
        return None, 0, None
    return UUID(order_ids[0]), int(afters[0]), tickets[0] if tickets else None


def is_over(standing: Standing | None, order_id: UUID, after: int) -> bool:
    """Say whether nothing is to come after `after`; raises Problem for a wrong one."""
    if standing is None:
        raise order_not_found(order_id)
    if after > standing.last_sequence:
        raise Problem(
            400,
            "invalid_after",
            f"The order has {standing.last_sequence} events so far.",
        )
    return standing.is_closed and after == standing.last_sequence
