"""How tokens, pools and venues look in JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from dex.models import Pool, Token


class TokenSerializer(serializers.ModelSerializer[Token]):
    tokenProgram = serializers.CharField(source="token_program")

    class Meta:
        model = Token
        fields = ("symbol", "name", "mint", "decimals", "tokenProgram")


class OrderTokenSerializer(serializers.ModelSerializer[Token]):
    class Meta:
        model = Token
        fields = ("symbol", "mint")


class PoolSerializer(serializers.ModelSerializer[Pool]):
    tokenA = OrderTokenSerializer(source="token_a")
    tokenB = OrderTokenSerializer(source="token_b")

    class Meta:
        model = Pool
        fields = ("address", "tokenA", "tokenB")


class VenueSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    program = serializers.CharField()
    pools = PoolSerializer(many=True)
