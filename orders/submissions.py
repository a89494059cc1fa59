"""An order as somebody asks for it, and what it is answered with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from uuid import UUID

from dex import log_context
from dex.models import Token

from .models import Order


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A validated order. `amount_in` in base units of `token_in`.

    `client_order_id` is what its owner calls it: a name that only one of their orders has.
    """

    order_type: str
    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int
    max_price_impact_bps: int | None = None
    client_order_id: str | None = None

    def digest(self) -> str:
        """Hash the values, so that another spelling of the same order is the same."""
        values: list[str | int] = [
            self.order_type,
            self.token_in.mint,
            self.token_out.mint,
            str(self.amount_in),
            self.slippage_bps,
        ]
        if self.max_price_impact_bps is not None:
            values.append(self.max_price_impact_bps)
        if self.client_order_id is not None:
            # Text, where a limit is a number: neither can be taken for the other.
            values.append(self.client_order_id)
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Submission:
    """An order as somebody asks for it: with one key, or one predecessor, at most once.

    `request_id` names the request that asks in the logs.
    """

    request: OrderRequest
    owner_id: int
    idempotency_key: str | None = None
    retry_of: Order | None = None
    request_id: str = field(default_factory=log_context.request_id)


@dataclass(frozen=True, slots=True)
class Placement:
    """The stored order, and whether this call created it or an earlier one did."""

    order_id: UUID
    created: bool
