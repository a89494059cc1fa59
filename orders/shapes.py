"""The shapes of answers that no model has, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dex.models import Rule

from .market_serializers import TokenSerializer, VenueSerializer
from .serializers import AttemptErrorSerializer, OrderSerializer
from .statuses import Status


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}]})
class LimitField(serializers.Field[Any, Any, Any, Any]):
    """An amount or a fraction as text, or a count as a number."""


class PlacedSerializer(serializers.Serializer[Any]):
    orderId = serializers.UUIDField()
    wsUrl = serializers.CharField()


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField(
        allow_null=True,
        help_text="Opens the order's stream; null where nobody needs one "
        "(ALLOW_ANONYMOUS).",
    )
    wsUrl = serializers.CharField(help_text="The stream's address, with the ticket.")
    expiresAt = serializers.DateTimeField(
        allow_null=True, help_text="From then on it opens no socket; open ones go on."
    )


class OrderPageSerializer(serializers.Serializer[Any]):
    orders = OrderSerializer(many=True)
    nextCursor = serializers.CharField(allow_null=True)


_IMPACT = "How far below the price before the swap it pays, fees excluded; rounded up."
_NETWORK_FEE = "The signature's fee and the priority fee for the swap's compute limit."
_RENT = (
    "Locked in the token account that the swap must create to receive; null while the "
    "wallet is not known."
)
_NET = (
    "The output less the network fee and the rent, at the price of SOL in the same pools' "
    "slot. The quote with the most of it is taken. Null when no pool prices SOL."
)
_PENDING = "Swaps of the engine under way in the pool, counted in; 0 in /api/quotes."


class QuoteSerializer(serializers.Serializer[Any]):
    venue = serializers.CharField()
    pool = serializers.CharField()
    amountIn = serializers.CharField()
    amountOut = serializers.CharField()
    price = serializers.CharField(help_text="Whole tokens out per whole token in.")
    feeAmount = serializers.CharField()
    feeToken = serializers.CharField()
    feeBps = serializers.IntegerField()
    priceImpactBps = serializers.IntegerField(help_text=_IMPACT)
    slot = serializers.IntegerField()
    networkFeeLamports = serializers.CharField(help_text=_NETWORK_FEE)
    rentLamports = serializers.CharField(allow_null=True, help_text=_RENT)
    netAmountOut = serializers.CharField(allow_null=True, help_text=_NET)
    pendingSwaps = serializers.IntegerField(help_text=_PENDING)


class LostSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    reason = serializers.CharField()


class VenueAnswerSerializer(serializers.Serializer[Any]):
    """One venue's answer: a quote, or only why there is none."""

    venue = serializers.CharField()
    pool = serializers.CharField(allow_null=True)
    amountIn = serializers.CharField(required=False)
    amountOut = serializers.CharField(required=False)
    price = serializers.CharField(required=False)
    feeAmount = serializers.CharField(required=False)
    feeToken = serializers.CharField(required=False)
    feeBps = serializers.IntegerField(required=False)
    priceImpactBps = serializers.IntegerField(required=False, help_text=_IMPACT)
    slot = serializers.IntegerField(required=False)
    networkFeeLamports = serializers.CharField(required=False, help_text=_NETWORK_FEE)
    rentLamports = serializers.CharField(
        required=False, allow_null=True, help_text=_RENT
    )
    netAmountOut = serializers.CharField(
        required=False, allow_null=True, help_text=_NET
    )
    pendingSwaps = serializers.IntegerField(required=False, help_text=_PENDING)
    lost = LostSerializer(required=False, help_text="Why it is not the route.")


class QuotesSerializer(serializers.Serializer[Any]):
    route = QuoteSerializer(
        allow_null=True, help_text="What an order would take now; null when nothing."
    )
    quotes = VenueAnswerSerializer(many=True)


class PreviewWarningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(
        help_text="price_impact_high, slippage_large, rent, pool_moved, trading_halted or "
        "simulation_unavailable."
    )
    message = serializers.CharField()


class PreviewFeesSerializer(serializers.Serializer[Any]):
    networkFeeLamports = serializers.CharField(
        help_text="Signature and priority fee together."
    )
    priorityFeeLamports = serializers.CharField()
    rentLamports = serializers.CharField(allow_null=True, help_text=_RENT)


class SimulationSerializer(serializers.Serializer[Any]):
    """The very transaction, unsigned, as a node ran it; with `unavailable` only why not."""

    status = serializers.ChoiceField(("succeeded", "failed", "unavailable"))
    amountOut = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="What it paid; null where it failed, or the pool moved meanwhile.",
    )
    unitsConsumed = serializers.IntegerField(required=False)
    slot = serializers.IntegerField(required=False, allow_null=True)
    error = AttemptErrorSerializer(allow_null=True)


class DenialSerializer(serializers.Serializer[Any]):
    """The guard on money that would deny an order now."""

    code = serializers.CharField()
    message = serializers.CharField()
    rule = serializers.ChoiceField(Rule.choices)
    limit = LimitField()
    value = LimitField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What would become of an order that is placed now."""

    outcome = serializers.ChoiceField(
        ("replay", "deny", "swap", "fail", "unknown"),
        help_text="replay: it is the order `placedAs`, and what follows is empty. deny: a guard on money would deny it, see `denial`. fail: it would "
        "end without a swap as things stand. unknown: it could not be tried out.",
    )
    summary = serializers.CharField(help_text="The same in a sentence or two.")
    warnings = PreviewWarningSerializer(many=True)
    denial = DenialSerializer(allow_null=True)
    failure = AttemptErrorSerializer(allow_null=True)
    amountIn = serializers.CharField()
    expectedAmountOut = serializers.CharField(allow_null=True)
    minAmountOut = serializers.CharField(
        allow_null=True, help_text="The least it would take: the quote less slippage."
    )
    fees = PreviewFeesSerializer(allow_null=True)
    simulation = SimulationSerializer(allow_null=True)
    route = QuoteSerializer(allow_null=True)
    quotes = VenueAnswerSerializer(many=True)
    placedAs = serializers.UUIDField(
        allow_null=True,
        help_text="Your order that has this key or clientOrderId, if it is the same.",
    )
    placedStatus = serializers.ChoiceField(
        Status.choices, allow_null=True, help_text="How that order stands."
    )


class TokensSerializer(serializers.Serializer[Any]):
    tokens = TokenSerializer(many=True)


class VenuesSerializer(serializers.Serializer[Any]):
    venues = VenueSerializer(many=True)
