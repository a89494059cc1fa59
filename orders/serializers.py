"""How orders look in JSON: camelCase, amounts as whole tokens in text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dex.amounts import to_whole
from dex.models import Token

from .event_frames import event_frame, quoted_attempt, timestamp
from .market_serializers import OrderTokenSerializer
from .models import Attempt, FundsMoved, Order, OrderEvent, Status, WaitingCode
from .waiting import wait_of


class TimestampField(serializers.DateTimeField):
    def to_representation(self, value: datetime) -> str:
        return timestamp(value)


class EventSerializer(serializers.Serializer[OrderEvent]):
    orderId = serializers.UUIDField()
    sequence = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(Status.choices)
    attempt = serializers.IntegerField(min_value=0)
    timestamp = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]

    def to_representation(self, instance: OrderEvent) -> dict[str, Any]:
        return event_frame(instance)


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class AttemptErrorSerializer(ErrorSerializer):
    """`program` and `programError` where a program refused the transaction on chain."""

    program = serializers.CharField(required=False)
    programError = serializers.CharField(required=False)


class FailureSerializer(ErrorSerializer):
    fundsMoved = serializers.ChoiceField(FundsMoved.choices)


class WaitingForSerializer(serializers.Serializer[Any]):
    """Why an order does not move now. `code` is stable; `message` says what to do."""

    code = serializers.ChoiceField(WaitingCode.choices)
    message = serializers.CharField()
    since = serializers.DateTimeField()


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """A signed transaction of an order, without its bytes."""

    attempt = serializers.IntegerField(source="number")
    lastValidBlockHeight = serializers.IntegerField(source="last_valid_block_height")
    quotedAmountOut = serializers.SerializerMethodField()
    minAmountOut = serializers.SerializerMethodField()
    feeLamports = serializers.IntegerField(source="fee_lamports", allow_null=True)
    error = serializers.SerializerMethodField()
    createdAt = TimestampField(source="created_at")
    closedAt = TimestampField(source="closed_at", allow_null=True)

    class Meta:
        model = Attempt
        fields = (
            "attempt",
            "state",
            "venue",
            "pool",
            "signature",
            "blockhash",
            "lastValidBlockHeight",
            "quotedAmountOut",
            "minAmountOut",
            "slot",
            "feeLamports",
            "error",
            "createdAt",
            "closedAt",
        )

    def get_quotedAmountOut(self, attempt: Attempt) -> str:
        return _whole(attempt.quoted_amount_out, self._token_out(attempt))

    def get_minAmountOut(self, attempt: Attempt) -> str:
        return _whole(attempt.min_amount_out, self._token_out(attempt))

    @extend_schema_field(AttemptErrorSerializer(allow_null=True))
    def get_error(self, attempt: Attempt) -> dict[str, str] | None:
        if not attempt.error_code:
            return None
        error = {"code": attempt.error_code, "message": attempt.error}
        if attempt.program:
            error["program"] = attempt.program
        if attempt.program_error:
            error["programError"] = attempt.program_error
        return error

    def _token_out(self, attempt: Attempt) -> Token:
        return attempt.order.token_out


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order as it stands: what was asked, and what became of it."""

    orderId = serializers.UUIDField(source="id")
    clientOrderId = serializers.CharField(source="client_order_id", allow_null=True)
    type = serializers.CharField(source="order_type")
    tokenIn = OrderTokenSerializer(source="token_in")
    tokenOut = OrderTokenSerializer(source="token_out")
    amountIn = serializers.SerializerMethodField()
    slippage = serializers.SerializerMethodField()
    maxPriceImpact = serializers.SerializerMethodField()
    venue = serializers.CharField()
    minAmountOut = serializers.SerializerMethodField()
    amountInFilled = serializers.SerializerMethodField()
    amountOut = serializers.SerializerMethodField()
    waitingFor = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()
    retryOf = serializers.UUIDField(source="retry_of_id", allow_null=True)
    createdAt = TimestampField(source="created_at")
    deadline = TimestampField()
    cancelRequestedAt = TimestampField(source="cancel_requested_at", allow_null=True)
    needsReviewAt = TimestampField(source="needs_review_at", allow_null=True)
    closedAt = TimestampField(source="closed_at", allow_null=True)

    class Meta:
        model = Order
        fields: tuple[str, ...] = (
            "orderId",
            "clientOrderId",
            "type",
            "status",
            "tokenIn",
            "tokenOut",
            "amountIn",
            "slippage",
            "maxPriceImpact",
            "minAmountOut",
            "attempt",
            "venue",
            "amountInFilled",
            "amountOut",
            "signature",
            "slot",
            "waitingFor",
            "failure",
            "retryOf",
            "createdAt",
            "deadline",
            "cancelRequestedAt",
            "needsReviewAt",
            "closedAt",
        )

    def get_amountIn(self, order: Order) -> str:
        return _whole(order.amount_in, order.token_in)

    def get_slippage(self, order: Order) -> str:
        return to_whole(order.slippage_bps, 4)

    def get_maxPriceImpact(self, order: Order) -> str | None:
        limit_bps = order.max_price_impact_bps
        return None if limit_bps is None else to_whole(limit_bps, 4)

    def get_minAmountOut(self, order: Order) -> str | None:
        return _whole_or_none(order.min_amount_out, order.token_out)

    def get_amountInFilled(self, order: Order) -> str | None:
        return _whole_or_none(order.amount_in_filled, order.token_in)

    def get_amountOut(self, order: Order) -> str | None:
        return _whole_or_none(order.amount_out, order.token_out)

    @extend_schema_field(WaitingForSerializer(allow_null=True))
    def get_waitingFor(self, order: Order) -> dict[str, str] | None:
        wait = wait_of(order)
        if wait is None:
            return None
        return {
            "code": wait.code,
            "message": wait.message,
            "since": timestamp(wait.since),
        }

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, order: Order) -> dict[str, str] | None:
        if not order.failure_code:
            return None
        return {
            "code": order.failure_code,
            "message": order.failure_message,
            "fundsMoved": order.funds_moved,
        }


class OrderDetailSerializer(OrderSerializer):
    """An order with its whole history, its signed transactions and all its quotes."""

    attempts = AttemptSerializer(many=True)
    history = EventSerializer(many=True, source="events")
    quotes = serializers.SerializerMethodField()

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "attempts", "history", "quotes")

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_quotes(self, order: Order) -> list[dict[str, Any]]:
        return [
            {"attempt": quoted_attempt(event), "sequence": event.sequence, **quote}
            for event in order.events.all()
            for quote in event.data.get("quotes", ())
        ]


def _whole(base_units: Any, token: Token) -> str:
    return to_whole(int(base_units), token.decimals)


def _whole_or_none(base_units: Any, token: Token) -> str | None:
    return None if base_units is None else _whole(base_units, token)
