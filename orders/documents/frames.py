"""The exact shape of every frame of a socket, which is that of an order's history too."""

from __future__ import annotations

from dex.models import VenueName
from orders.statuses import TERMINAL, FundsMoved, Status, WaitingCode

from .json_schema import (
    AMOUNT,
    BASE58,
    CODE,
    COUNT,
    LAMPORTS,
    MOMENT,
    SIGNED,
    TEXT,
    UUID,
    Schema,
    always,
    exact,
    listed,
    one_of,
    or_null,
    ref,
)

_VENUE = one_of(VenueName.values)
_ORIGIN = {
    "program": TEXT | {"description": "The program that refused the transaction."},
    "programError": TEXT | {"description": "What that program calls the error."},
}
_LOST = exact({"code": CODE, "reason": TEXT}, description="Why it is not the route.")
_QUOTED = {
    "amountIn": AMOUNT,
    "amountOut": AMOUNT,
    "price": AMOUNT,
    "feeAmount": AMOUNT,
    "feeToken": TEXT,
    "feeBps": COUNT,
    "priceImpactBps": SIGNED,
    "slot": COUNT,
    "networkFeeLamports": or_null(LAMPORTS),
    "rentLamports": or_null(LAMPORTS),
    "netAmountOut": or_null(
        {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
    ),
    "pendingSwaps": COUNT,
}


def _answer(further: dict[str, Schema]) -> Schema:
    """A venue's answer: a quote, perhaps with why it is not taken, or only why not."""
    quote = exact(
        {**further, "venue": _VENUE, "pool": BASE58, **_QUOTED}, {"lost": _LOST}
    )
    refusal = exact(
        {**further, "venue": _VENUE, "pool": or_null(BASE58), "lost": _LOST}
    )
    return {"anyOf": [quote, refusal]}


# Components of both documents.
QUOTES: dict[str, Schema] = {
    "Quote": exact({"venue": _VENUE, "pool": BASE58, **_QUOTED}),
    "VenueAnswer": _answer({}),
    "QuoteOfAttempt": _answer({"attempt": COUNT, "sequence": COUNT}),
}
_QUOTES = {"quotes": listed(ref("VenueAnswer"), description="What every venue said.")}
_WAITED = {
    "waitedFor": exact(
        {"code": one_of(WaitingCode.values), "message": TEXT, "waitedMs": COUNT},
        description="What the order waited for until this event.",
    )
}
_END = exact(
    {"code": CODE, "message": TEXT, "fundsMoved": one_of(FundsMoved.values)},
    {**_ORIGIN, **_QUOTES, **_WAITED},
)
_ROUTING: Schema = {
    "oneOf": [
        exact(
            {"venues": listed(_VENUE)},
            _WAITED,
            title="The first attempt begins",
        ),
        exact(
            {"resumed": always(True)},
            _WAITED,
            title="Begun again, for whoever had it is gone",
        ),
        exact(
            {
                "error": exact({"code": CODE, "message": TEXT}, _ORIGIN),
                "retryInMs": COUNT,
            },
            {**_QUOTES, **_WAITED},
            title="The next attempt begins",
        ),
    ]
}
_CONFIRMED = exact(
    {
        "signature": BASE58,
        "slot": COUNT,
        "venue": _VENUE,
        "amountIn": AMOUNT,
        "amountOut": AMOUNT,
        "price": AMOUNT,
        "fees": exact({"networkLamports": LAMPORTS}),
        "slippageBps": SIGNED
        | {"description": "Positive: less than quoted. Negative: more."},
    },
    _WAITED,
)

DATA: dict[Status, Schema] = {
    Status.PENDING: exact(
        {},
        {
            "requestId": TEXT
            | {"description": "As the answer has it that accepted the order."}
        },
    ),
    Status.ROUTING: _ROUTING,
    Status.BUILDING: exact({"route": ref("Quote"), **_QUOTES}, _WAITED),
    Status.SUBMITTED: exact(
        {"signature": BASE58, "lastValidBlockHeight": COUNT, "minAmountOut": AMOUNT},
        _WAITED,
    ),
    Status.CONFIRMED: _CONFIRMED,
    Status.FAILED: _END,
    Status.CANCELLED: _END,
    Status.EXPIRED: _END,
}
_MEANING = {
    Status.PENDING: "The order is stored.",
    Status.ROUTING: "The venues are asked for quotes.",
    Status.BUILDING: "A route is chosen; the transaction is built and simulated.",
    Status.SUBMITTED: "The transaction is signed, saved and sent.",
    Status.CONFIRMED: "It landed. All figures are read from the chain.",
    Status.FAILED: "It ended without a swap.",
    Status.CANCELLED: "It was cancelled before a swap was made.",
    Status.EXPIRED: "Its deadline passed before a swap was made.",
}


def event(status: Status) -> Schema:
    """The frame of an event of this status."""
    ends = " The last event of the order." if status in TERMINAL else ""
    return exact(
        {
            "orderId": UUID,
            "sequence": {"type": "integer", "minimum": 1},
            "status": always(status.value),
            "attempt": COUNT,
            "timestamp": MOMENT,
            "data": DATA[status],
        },
        title=f"Event: {status.value}",
        description=_MEANING[status] + ends,
    )


def any_event() -> Schema:
    """An event of any status."""
    return {"oneOf": [event(status) for status in Status]}


def accepted() -> Schema:
    """The frame that answers an order that is stored."""
    return exact(
        {
            "orderId": UUID,
            "wsUrl": {"type": "string", "format": "uri"},
            "requestId": TEXT
            | {
                "description": "The name of your message in the logs: X-Request-ID of the "
                "handshake, or a new one, and the number of the message."
            },
        },
        title="Accepted",
        description="The order is stored; its events follow on this socket.",
    )
