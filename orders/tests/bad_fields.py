"""Every bad order: what it says, with the fields it names and their codes."""

from __future__ import annotations

import json

from .clients import ORDER, order_text

MINT_OF_A = "So11111111111111111111111111111111111111112"


def without(field: str) -> str:
    return json.dumps({name: value for name, value in ORDER.items() if name != field})


def literal(field: str, text: str) -> str:
    """The order with `text` as it stands for the value of a field."""
    return json.dumps(ORDER | {field: "@@"}).replace('"@@"', text)


# Each bad order, with the fields it names and their codes.
BAD_FIELDS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    **{f"no {field}": (without(field), [(field, "missing_field")]) for field in ORDER},
    "unknown field": (order_text(price=1), [("price", "unknown_field")]),
    "key in the body": (
        order_text(owner="me", id=7),
        [("owner", "unknown_field"), ("id", "unknown_field")],
    ),
    "limit": (order_text(type="limit"), [("type", "unsupported_type")]),
    "MARKET": (order_text(type="MARKET"), [("type", "unsupported_type")]),
    "type 1": (order_text(type=1), [("type", "invalid_type")]),
    "type null": (order_text(type=None), [("type", "invalid_type")]),
    "type list": (order_text(type=["market"]), [("type", "invalid_type")]),
    "unknown token": (order_text(tokenIn="NOPE"), [("tokenIn", "unknown_token")]),
    "disabled token": (order_text(tokenOut="OFF"), [("tokenOut", "unknown_token")]),
    "lower case": (order_text(tokenIn="a"), [("tokenIn", "unknown_token")]),
    "empty token": (order_text(tokenIn=""), [("tokenIn", "unknown_token")]),
    "NUL token": (order_text(tokenIn="A\0"), [("tokenIn", "unknown_token")]),
    "long token": (order_text(tokenIn="A" * 5_000), [("tokenIn", "unknown_token")]),
    "token 7": (order_text(tokenIn=7), [("tokenIn", "invalid_type")]),
    "token object": (order_text(tokenIn={"mint": "A"}), [("tokenIn", "invalid_type")]),
    "ambiguous token": (order_text(tokenIn="TWIN"), [("tokenIn", "ambiguous_token")]),
    "same token": (order_text(tokenOut="A"), [("tokenOut", "same_token")]),
    "same token by mint": (
        order_text(tokenOut=MINT_OF_A),
        [("tokenOut", "same_token")],
    ),
    "amount 0": (order_text(amountIn=0), [("amountIn", "amount_not_positive")]),
    "amount 0.0": (literal("amountIn", "0.0"), [("amountIn", "amount_not_positive")]),
    "amount -0": (literal("amountIn", "-0"), [("amountIn", "amount_not_positive")]),
    "amount -1": (order_text(amountIn=-1), [("amountIn", "amount_not_positive")]),
    "amount '-1'": (order_text(amountIn="-1"), [("amountIn", "amount_not_positive")]),
    "amount 'NaN'": (order_text(amountIn="NaN"), [("amountIn", "invalid_number")]),
    "amount '1e5'": (order_text(amountIn="1e5"), [("amountIn", "invalid_number")]),
    "amount '1_000'": (order_text(amountIn="1_000"), [("amountIn", "invalid_number")]),
    "amount '1,5'": (order_text(amountIn="1,5"), [("amountIn", "invalid_number")]),
    "amount ' 1'": (order_text(amountIn=" 1"), [("amountIn", "invalid_number")]),
    "amount '+1'": (order_text(amountIn="+1"), [("amountIn", "invalid_number")]),
    "amount '.5'": (order_text(amountIn=".5"), [("amountIn", "invalid_number")]),
    "amount '１'": (order_text(amountIn="１"), [("amountIn", "invalid_number")]),
    "amount ''": (order_text(amountIn=""), [("amountIn", "invalid_number")]),
    "amount true": (order_text(amountIn=True), [("amountIn", "invalid_type")]),
    "amount null": (order_text(amountIn=None), [("amountIn", "invalid_type")]),
    "amount list": (order_text(amountIn=[1]), [("amountIn", "invalid_type")]),
    "5,000 digits": (
        order_text(amountIn="9" * 5_000),
        [("amountIn", "invalid_number")],
    ),
    "5,000 digits as number": (
        literal("amountIn", "9" * 5_000),
        [("amountIn", "invalid_number")],
    ),
    "10 decimals": (
        order_text(amountIn="0.0000000001"),
        [("amountIn", "too_many_decimals")],
    ),
    "u64 + 1": (
        order_text(amountIn="18446744073.709551616"),
        [("amountIn", "amount_too_large")],
    ),
    "64 digits": (order_text(amountIn="9" * 64), [("amountIn", "amount_too_large")]),
    "slippage -1 bps": (
        order_text(slippage="-0.0001"),
        [("slippage", "slippage_out_of_range")],
    ),
    "slippage over the policy": (
        order_text(slippage="0.5001"),
        [("slippage", "slippage_out_of_range")],
    ),
    "half a basis point": (
        order_text(slippage="0.00005"),
        [("slippage", "slippage_too_fine")],
    ),
    "slippage 'much'": (order_text(slippage="much"), [("slippage", "invalid_number")]),
    "slippage false": (order_text(slippage=False), [("slippage", "invalid_type")]),
    "impact -1 bps": (
        order_text(maxPriceImpact="-0.0001"),
        [("maxPriceImpact", "price_impact_out_of_range")],
    ),
    "impact above one": (
        order_text(maxPriceImpact="1.0001"),
        [("maxPriceImpact", "price_impact_out_of_range")],
    ),
    "impact of half a basis point": (
        order_text(maxPriceImpact="0.00005"),
        [("maxPriceImpact", "price_impact_too_fine")],
    ),
    "impact 'any'": (
        order_text(maxPriceImpact="any"),
        [("maxPriceImpact", "invalid_number")],
    ),
    "impact true": (
        order_text(maxPriceImpact=True),
        [("maxPriceImpact", "invalid_type")],
    ),
    **{
        f"named {name!r}": (
            order_text(clientOrderId=name),
            [("clientOrderId", "invalid_client_order_id")],
        )
        for name in ("", ".", "..", "a b", "a/b", "a%20b", "ä", "a\n", "a\0", "x" * 65)
    },
    "named 7": (order_text(clientOrderId=7), [("clientOrderId", "invalid_type")]),
    "everything": (
        json.dumps(dict.fromkeys(ORDER, False)),
        [(field, "invalid_type") for field in ORDER],
    ),
}
